import torch
from torch import nn, optim

batch_size = 16
input_shape = (4, 6)
model = nn.Sequential(
    nn.LayerNorm((16, 4, 6)),
    nn.Flatten(),
)
