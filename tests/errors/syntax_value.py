import torch
from torch import nn, optim

width =
model = nn.Sequential(nn.Linear(4, 8))
