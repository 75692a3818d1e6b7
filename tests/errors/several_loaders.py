import torch
from torch import nn, optim

from torch.utils.data import DataLoader
a = DataLoader(torch.load("a.pt"), batch_size=8)
b = DataLoader(torch.load("b.pt"), batch_size=16)
model = nn.Sequential(nn.Linear(784, 10))
