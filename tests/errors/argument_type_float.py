import torch
from torch import nn, optim

width = 16
model = nn.Sequential(nn.Linear(4, width / 2))
