import torch
from torch import nn, optim

batch_size = 16
model = nn.Sequential(
    nn.Linear(20, 12),
    nn.BatchNorm1d(10),
    nn.Linear(12, 3),
)
