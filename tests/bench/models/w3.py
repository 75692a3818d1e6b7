import torch
from torch import nn, optim

torch.manual_seed(1)
batch_size = 32
num_epochs = 1

model = nn.Sequential(
    nn.Linear(3072, 500),
    nn.ReLU(),
    nn.Linear(500, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=3e-4)
