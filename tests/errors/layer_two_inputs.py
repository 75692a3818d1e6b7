import torch
from torch import nn

input_shape = (3,)
model = nn.Sequential(nn.Bilinear(3, 4, 2), nn.ReLU())
