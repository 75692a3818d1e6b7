import torch
from torch import nn, optim

model = nn.Sequential(nn.FancyAttentionBlock(4, 8))
