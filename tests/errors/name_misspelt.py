import torch
from torch import nn, optim

hidden = 16
model = nn.Sequential(nn.Linear(4, hiden))
