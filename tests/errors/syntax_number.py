from torch import nn, optim

width = 12abc
complex = 3j
model = nn.Sequential(nn.Linear(4, 2))
