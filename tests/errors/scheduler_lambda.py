import torch
from torch import nn, optim

rates = {0: 1.0, 30: 0.1}


def factor(epoch):
    if epoch in rates:
        return rates[epoch]
    return 0.5


model = nn.Linear(4, 2)
optimizer = optim.SGD(model.parameters(), lr=0.1)
scheduler = optim.lr_scheduler.LambdaLR(optimizer, [factor])
scheduler = optim.lr_scheduler.LambdaLR(optimizer, factor)
