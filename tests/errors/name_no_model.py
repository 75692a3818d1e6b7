import torch
from torch import nn, optim

criterion = nn.MSELoss()
