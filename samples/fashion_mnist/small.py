"""Fashion-MNIST shrunk to 7x7 pixels, as small.csv beside this file has 2,000 images of it.

    seqc build samples/fashion_mnist/small.py -o small
    ./small train --data samples/fashion_mnist/small.csv --val-split 0.2 --normalize zscore

For where the real data cannot be had: 400 of the images, held back, are told apart to about 80%.
"""
import torch
from torch import nn, optim

torch.manual_seed(1)
batch_size = 64
num_epochs = 20

model = nn.Sequential(
    nn.Linear(49, 64),
    nn.ReLU(),
    nn.Linear(64, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=2e-3)
