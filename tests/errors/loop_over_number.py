from torch import nn
layers = []
for i in 3:
    layers.append(nn.Linear(8, 8))
model = nn.Sequential(*layers)
