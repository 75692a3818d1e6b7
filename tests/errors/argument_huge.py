import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(10000000, 10000000))
