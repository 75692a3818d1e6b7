from torch import nn, optim

a = -'x'
model = nn.Sequential(nn.Linear(4, 2))
