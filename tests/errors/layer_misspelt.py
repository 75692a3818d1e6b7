import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 8), nn.Relu(), nn.Liner(8, 2))
