import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 3))
optimizer = optim.SGD(model.parameters(), lr=0.1)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=10)
