import torch
from torch import nn

def set_up(m):
    with torch.no_grad():
        m.weight.fill_(0)

model = nn.Linear(4, 2)
set_up(model)
