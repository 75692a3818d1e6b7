import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2, bias=False))
input_shape = (7,)
