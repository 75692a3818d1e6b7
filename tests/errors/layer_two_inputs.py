import torch
from torch import nn

model = nn.Sequential(nn.Bilinear(3, 4, 2), nn.ReLU())
