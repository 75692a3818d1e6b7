from torch import nn

def block(width, depth=2, *, dropout=0.0):
    return nn.Linear(width, width)

a = block()
b = block(1, 2, 3)
c = block(1, droput=0.5)
d = block(1, width=2)
model = nn.Sequential(block(8))
