from torch import nn

model = nn.Module()
