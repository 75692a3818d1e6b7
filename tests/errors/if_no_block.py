from torch import nn
deep = True
if deep:
model = nn.Linear(4, 2)
