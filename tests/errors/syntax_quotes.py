import torch
from torch import nn, optim

print(“hello”)
model = nn.Sequential(nn.Linear(4, 8))
