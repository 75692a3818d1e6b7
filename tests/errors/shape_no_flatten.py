import torch
from torch import nn, optim

input_shape = (1, 28, 28)
model = nn.Sequential(nn.Linear(784, 10))
