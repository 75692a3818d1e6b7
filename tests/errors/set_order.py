from torch import nn
model = nn.Sequential(*[nn.Linear(n, n) for n in {4, 8}])
