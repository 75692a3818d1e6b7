"""Softmax regression on Fashion-MNIST: one linear layer, 784-10, plain SGD.

    seqc build samples/softmax_regression/model.py -o softmax
    ./softmax train --data /usr/share/datasets/fashion-mnist

CrossEntropyLoss applies the softmax itself, so the model ends with the linear layer. About 83%
after ten epochs: what a straight line can tell apart.
"""
import torch
from torch import nn, optim

torch.manual_seed(0)
batch_size = 256
num_epochs = 10
input_shape = (1, 28, 28)

model = nn.Sequential(
    nn.Flatten(),
    nn.Linear(784, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)
