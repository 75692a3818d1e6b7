from torch import nn, optim

import math
a = math.sqrt(-1)
model = nn.Sequential(nn.Linear(4, 2))
