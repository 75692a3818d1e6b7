from torch import nn, optim

a = [1, 2, 3][::-1]
model = nn.Sequential(nn.Linear(4, 2))
