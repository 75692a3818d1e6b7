import torch
from torch import nn, optim

model = nn.Sequential(*[nn.Linear(8, 8) for _ in range(3)])
