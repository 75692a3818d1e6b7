"""Dropout and weight decay, where there are 400 images and 79,000 parameters.

    seqc build samples/regularization/model.py -o regular
    ./regular train --data samples/fashion_mnist/small.csv --normalize zscore --val-split 0.8

With share = 0 and decay = 0 the model learns the 400 by heart: see README.md beside this file.
"""
import torch
from torch import nn, optim

torch.manual_seed(1)
batch_size = 32
num_epochs = 60
share = 0.5
decay = 0.3

model = nn.Sequential(
    nn.Linear(49, 256),
    nn.ReLU(),
    nn.Dropout(share),
    nn.Linear(256, 256),
    nn.ReLU(),
    nn.Dropout(share),
    nn.Linear(256, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.AdamW(model.parameters(), lr=1e-3, weight_decay=decay)
