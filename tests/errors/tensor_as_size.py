import torch
from torch import nn
sizes = torch.tensor([4, 2])
model = nn.Linear(sizes, 2)
