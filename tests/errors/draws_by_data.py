# options: --dropout torch
import torch.nn as nn

net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.RReLU(), nn.Linear(8, 2))
criterion = nn.CrossEntropyLoss()
