from torch import nn

def inner(width):
    return nn.Linear(width, 'three')

def outer(width):
    layers = []
    for k in range(2):
        layers.append(inner(width * k + 1))
    return layers

model = nn.Sequential(*outer(4))
