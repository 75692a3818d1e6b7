import torch
from torch import nn, optim

def make(width):
    return nn.Sequential(nn.Linear(4, width))

model = make(8)
