from torch import nn
names = ', '.join([1, 2])
model = nn.Linear(2, 2)
