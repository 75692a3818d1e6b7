import torch.nn as nn

a = nn.PReLU(0)
b = nn.RReLU(0.5, 0.1)
c = nn.Unflatten(0, (2, 3))
d = nn.Unflatten(1, 6)
model = nn.Sequential(nn.Linear(4, 2))
