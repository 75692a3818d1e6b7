"""A small model to look at: two numbers in, one out."""
import torch
from torch import nn, optim

torch.manual_seed(1)
batch_size = 32
num_epochs = 20

model = nn.Sequential(
    nn.Linear(2, 8),
    nn.Tanh(),
    nn.Linear(8, 1),
)
criterion = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
