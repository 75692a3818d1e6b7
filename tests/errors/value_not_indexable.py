from torch import nn, optim

a = 3[0]
model = nn.Sequential(nn.Linear(4, 2))
