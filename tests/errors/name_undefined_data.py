import torch
from torch import nn, optim

from torch.utils.data import DataLoader, TensorDataset
dataset = TensorDataset(torch.tensor(features).float(), torch.tensor(target).float())
dataloader = DataLoader(dataset, batch_size=4, shuffle=True)
model = nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 1))
