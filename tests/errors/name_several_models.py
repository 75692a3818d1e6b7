import torch
from torch import nn, optim

encoder = nn.Sequential(nn.Linear(8, 2))
decoder = nn.Sequential(nn.Linear(2, 8))
