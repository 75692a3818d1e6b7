import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 3))
optimizer = optim.RAdam(model.parameters(), lr=0.01)
