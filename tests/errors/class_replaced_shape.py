import torch
from torch import nn

layer = nn.Linear(4, 3)
layer.weight = nn.Parameter(torch.zeros(4, 3))
