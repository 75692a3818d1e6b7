from torch import nn
n = 1
while n > 0:
    n += 1
model = nn.Linear(n, 1)
