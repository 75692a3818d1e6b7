from collections import OrderedDict
from torch import nn
model = nn.Sequential(OrderedDict([nn.Linear(2, 2), nn.ReLU()]))
