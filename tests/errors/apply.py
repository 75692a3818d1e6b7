from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 2))
model.apply(print)
