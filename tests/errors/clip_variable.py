import torch
from torch import nn

clip_grad_norm = 0
clip_grad_value = "1"
model = nn.Sequential(nn.Linear(4, 3))
