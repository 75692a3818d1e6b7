import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
a = optim.SGD([{"lr": 0.1}], lr=0.01)
b = optim.SGD([{"params": model[0].parameters(), "momentun": 0.9}], lr=0.01)
c = optim.SGD([{"params": model[0].parameters(), "lr": -1}], lr=0.01)
d = optim.SGD([{"params": model.parameters()}, {"params": model[1].bias}], lr=0.01)
e = optim.SGD([{"params": model[0].parameters()}, model[1].bias], lr=0.01)
f = optim.Adadelta(model.parameters(), rho=1.5)
