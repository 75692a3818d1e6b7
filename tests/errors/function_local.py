from torch import nn

width = 8
def wider():
    print(width)
    width = 16
    return width

model = nn.Linear(wider(), 1)
