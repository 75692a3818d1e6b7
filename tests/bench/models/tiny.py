import torch
from torch import nn, optim

torch.manual_seed(1)
batch_size = 32
num_epochs = 1

model = nn.Sequential(
    nn.Linear(16, 64),
    nn.ReLU(),
    nn.Linear(64, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.01)
