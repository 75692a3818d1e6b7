import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 3))
input_shape = (5, 4)
criterion = nn.CrossEntropyLoss()
