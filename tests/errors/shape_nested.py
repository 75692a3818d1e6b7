import torch
from torch import nn, optim

block = nn.Sequential(nn.Linear(8, 16), nn.Tanh())
model = nn.Sequential(block, nn.Sequential(nn.Linear(15, 4)))
