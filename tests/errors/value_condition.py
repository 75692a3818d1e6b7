from torch import nn, optim

import torch
width = 4 if torch.load('x') else 8
model = nn.Sequential(nn.Linear(4, 2))
