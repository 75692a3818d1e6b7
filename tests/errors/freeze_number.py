import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 3))
model[0].weight.requires_grad = 3
