import torch
from torch import nn, optim

model = nn.Sequential(nn.Flatten(0), nn.Linear(4, 2))
