import torch
from torch import nn, optim

größe	= 1
model	= nn.Sequential(nn.Linear(4, 8),	nn.Tahn())  # 日本
名 = 1
