from torch import nn, optim

a, *b = 1, 2, 3
model = nn.Sequential(nn.Linear(4, 2))
