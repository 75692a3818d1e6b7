from torch import nn, optim

from collections import OrderedDict
model = nn.Sequential(OrderedDict([('a.b', nn.Linear(4, 2))]))
