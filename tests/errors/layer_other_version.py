import torch
from torch import nn, optim

model = nn.Sequential(nn.Conv3d(1, 8, 3), nn.ReLU())
