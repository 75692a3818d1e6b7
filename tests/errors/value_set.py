from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 2))
model[0].weight.data = 3
model.fc = nn.Linear(2, 2)
