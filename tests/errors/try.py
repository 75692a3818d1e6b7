import torch
from torch import nn, optim

try:
    import apex
except ImportError:
    apex = None
model = nn.Sequential(nn.Linear(4, 2))
