"""A small classifier that learns on the device: 7x7 images of ten kinds of clothes, one hidden layer.

Weights, the optimizer's momentum, the workspace of a step and the images of a batch fit 64 KB.
"""
import torch
from torch import nn, optim

torch.manual_seed(1)

model = nn.Sequential(
    nn.Linear(49, 48),
    nn.Tanh(),
    nn.Linear(48, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
