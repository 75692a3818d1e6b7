import torch
from torch import nn, optim

deep = True
if deep:
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))
else:
    model = nn.Sequential(nn.Linear(4, 2))
