import torch
from torch import nn, optim

torch.manual_seed(1)
batch_size = 20
num_epochs = 20

model = nn.Sequential(nn.Linear(2, 1))
criterion = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.01)
