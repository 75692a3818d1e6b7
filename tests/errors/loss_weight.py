import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 3))
criterion = nn.CrossEntropyLoss(weight=torch.tensor([1., 2.]))
