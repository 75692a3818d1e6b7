import torch
from torch import nn, optim

batch_size = 1
model = nn.Sequential(
    nn.Linear(20, 12),
    nn.BatchNorm1d(12),
    nn.Linear(12, 3),
)
criterion = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)
