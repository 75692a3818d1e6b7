import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 3))
a = nn.HuberLoss(delta=0)
b = nn.SmoothL1Loss(beta=-0.5)
c = nn.MultiMarginLoss(p=3)
d = nn.PoissonNLLLoss(eps=0)
e = nn.KLDivLoss(reduction='none')
f = nn.L1Loss(size_average=False)
