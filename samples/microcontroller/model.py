"""LeNet for 28x28 grey images: 61,706 weights, which a microcontroller's flash holds.

    seqc build samples/microcontroller/model.py -o lenet
    ./lenet train --data /usr/share/datasets/fashion-mnist
"""
import torch
from torch import nn, optim

torch.manual_seed(1)
batch_size = 64
num_epochs = 2
input_shape = (1, 28, 28)

model = nn.Sequential(
    nn.Conv2d(1, 6, kernel_size=5, padding=2),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(6, 16, kernel_size=5),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(400, 120),
    nn.ReLU(),
    nn.Linear(120, 84),
    nn.ReLU(),
    nn.Linear(84, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=2e-3)
