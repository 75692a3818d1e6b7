import torch.nn as nn

a = nn.CELU(alpha=0)
b = nn.Hardtanh(1.0, -1.0)
c = nn.Softshrink(-0.5)
model = nn.Sequential(nn.Linear(4, 2))
