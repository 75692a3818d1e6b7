from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 2))
nn.init.uniform_(model[0].weight, 1, -1)
