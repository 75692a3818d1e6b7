import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
model[2].weight.requires_grad = False
