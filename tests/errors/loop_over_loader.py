import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
model = nn.Sequential(nn.Linear(4, 2))
loader = DataLoader(TensorDataset(features, labels), batch_size=8)
correct = 0
for x, y in loader:
    correct += (model(x).argmax(dim=1) == y).sum()
