import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 3))
nn.init.kaiming_normal_(model[0].bias)
