from torch import nn, optim

a = [0] * 1000000
model = nn.Sequential(nn.Linear(4, 2))
