import torch
from torch import nn, optim

hidden = nn.Linear(8, 8)
model = nn.Sequential(hidden, nn.ReLU(), hidden)
