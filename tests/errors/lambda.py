import torch
from torch import nn, optim

f = lambda x: x + 1
model = nn.Sequential(nn.Linear(4, 2))
