import torch
from torch import nn, optim

width = 2 ** 70
model = nn.Sequential(nn.Linear(4, 8))
