from torch import nn, optim

nn.Linear(*3)
model = nn.Sequential(nn.Linear(4, 2))
