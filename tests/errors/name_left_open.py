import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(n_features, 8), nn.Linear(8, n_classes))
