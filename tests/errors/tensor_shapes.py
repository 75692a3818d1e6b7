import torch
from torch import nn
a = torch.ones(3) + torch.ones(2, 2)
b = torch.ones(2, 3)[5]
c = torch.ones(3)[0, 1]
d = torch.ones(3).item()
e = torch.arange(6).view(4, 2)
model = nn.Linear(2, 2)
