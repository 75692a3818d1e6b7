import torch
from torch import nn

@torch.no_grad()
def width():
    return 8

model = nn.Linear(width(), 2)
