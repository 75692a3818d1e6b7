import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 3))
optimizer = optim.Adam(model.parameters(), betas=(0.9, 1.5))
