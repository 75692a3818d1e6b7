import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 2))
with open("notes.txt") as f:
    notes = f.read()
with torch.autocast("cpu"):
    y = model(torch.randn(1, 4))
print(y, notes)
