import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 3))
optimizer = optim.SGD([{"params": model[0].parameters(), "lr": 0.1}], lr=0.01)
