import torch
from torch import nn, optim

batch_size = 16
input_shape = (20, 7)
model = nn.Sequential(
    nn.BatchNorm1d(7),
    nn.Flatten(),
    nn.Linear(140, 3),
)
