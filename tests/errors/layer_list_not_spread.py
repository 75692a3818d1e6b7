import torch
from torch import nn, optim

layers = [nn.Linear(4, 8), nn.ReLU()]
model = nn.Sequential(layers)
