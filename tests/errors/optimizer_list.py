from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 2))
optimizer = optim.SGD([model[0].weight, 3], lr=0.1)
