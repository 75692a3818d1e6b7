import torch
from torch import nn, optim

!pip install torch
model = nn.Sequential(nn.Linear(4, 8))
