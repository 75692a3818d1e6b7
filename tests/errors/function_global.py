from torch import nn

width = 8
def wider():
    global width
    width = 16

wider()
model = nn.Linear(width, 1)
