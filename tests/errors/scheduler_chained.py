import torch
from torch import nn, optim

model = nn.Linear(4, 2)
optimizer = optim.SGD(model.parameters(), lr=0.1)
warm = optim.lr_scheduler.LinearLR(optimizer)
down = optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
scheduler = optim.lr_scheduler.ChainedScheduler([warm, down])
