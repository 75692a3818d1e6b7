from torch import nn
model = nn.Linear(4, 2)
if len([1]) == 1:
    break
