import torch
from torch import nn
weights = torch.ones(3)
weights.mul_(2)
row = weights[1:]
row[0] = 5
weights += 1
model = nn.Linear(2, 2)
