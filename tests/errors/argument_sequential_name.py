import torch
from torch import nn, optim

model = nn.Sequential(first=nn.Linear(4, 2))
