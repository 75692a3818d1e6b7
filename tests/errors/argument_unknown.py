import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(in_feature=4, out_features=2))
