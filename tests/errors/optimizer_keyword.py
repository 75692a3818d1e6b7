import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 3))
optimizer = optim.SGD(model.parameters(), learning_rate=0.1, momentun=0.9)
