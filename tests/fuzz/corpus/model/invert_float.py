a = ~0.5
b = -True
