import torch
from torch import nn, optim

model = nn.Sequential(
    nn.Linear(4, 8)
    nn.ReLU(),
    nn.Linear(8, 2),
)
