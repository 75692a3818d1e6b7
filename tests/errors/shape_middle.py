import torch
from torch import nn, optim

batch_size = 256
model = nn.Sequential(
    nn.Flatten(),
    nn.Linear(784, 128),
    nn.ReLU(),
    nn.Linear(100, 10),
)
input_shape = (1, 28, 28)
