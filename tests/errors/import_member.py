import torch
from torch import nn, optim

from torch.optim import Adm
model = nn.Sequential(nn.Linear(4, 2))
