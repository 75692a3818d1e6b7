from torch import nn, optim

nn.Linear(*range(30))
model = nn.Sequential(nn.Linear(4, 2))
