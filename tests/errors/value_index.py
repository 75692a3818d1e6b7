from torch import nn, optim

a = [1, 2]['x']
model = nn.Sequential(nn.Linear(4, 2))
