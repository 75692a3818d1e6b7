from torch import nn
if (n := 4) > 2:
    model = nn.Linear(n, 2)
