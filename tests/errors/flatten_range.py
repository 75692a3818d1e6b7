import torch
from torch import nn, optim

model = nn.Sequential(nn.Flatten(start_dim=3), nn.Linear(4, 2))
input_shape = (2, 2)
