from torch import nn, optim

model = nn.Linear(4, 2)
model.append(nn.ReLU())
