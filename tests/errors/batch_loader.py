import torch
from torch import nn, optim

loader = torch.utils.data.DataLoader(torch.load("x.pt"), batch_size=0)
model = nn.Sequential(nn.Linear(784, 10))
