import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 3))
optimizer = optim.SGD(model.parameters(), lr=0.1)
model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3))
