import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 3))
first = optim.Adagrad(model.parameters(), lr=0.1)
optimizer = optim.Adagrad(model.parameters(), lr=0.1)
scheduler = optim.lr_scheduler.StepLR(first, 5)
