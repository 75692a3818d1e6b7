import torch
from torch import nn, optim

width = 16 // 0
model = nn.Sequential(nn.Linear(4, 8))
