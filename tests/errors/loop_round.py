from torch import nn
layers = []
for i in range(3):
    width = 8 // (1 - i)
    layers.append(nn.Linear(width, width))
model = nn.Sequential(*layers)
