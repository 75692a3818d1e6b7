import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 3))
optimizer = optim.Adagrad(model.parameters(), lr=0.1)
warm = optim.lr_scheduler.LinearLR(optimizer)
decay = optim.lr_scheduler.StepLR(optimizer, 5)
