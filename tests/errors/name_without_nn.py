import torch
from torch import nn, optim

model = nn.Sequential(Linear(4, 2))
