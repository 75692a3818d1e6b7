for a, *b in [(1, 2)]:
    pass
x = [b for a, *b in [(1, 2, 3)]]
