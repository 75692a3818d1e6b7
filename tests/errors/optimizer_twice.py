import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 3))
optimizer = optim.SGD([model[0].bias, model[0].bias], lr=0.1)
