import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(in_features=4, 8))
