import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 3))
a = nn.CrossEntropyLoss(weight=torch.tensor([1, 2, 1]))
b = nn.NLLLoss(weight=[1., 2., 1.])
c = nn.BCEWithLogitsLoss(pos_weight=torch.ones(2, 3))
d = nn.BCELoss(weight=torch.load('weights.pt'))
