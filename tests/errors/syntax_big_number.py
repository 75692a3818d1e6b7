from torch import nn, optim

width = 99999999999999999999
model = nn.Sequential(nn.Linear(4, 2))
