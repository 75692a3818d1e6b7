import torch
from torch import nn, optim

batch_size = 16
model = nn.Sequential(nn.Linear(20, 12), nn.LayerNorm('12'))
