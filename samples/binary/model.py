"""Binary classification: is an iris of the species virginica, or versicolor?

    seqc build samples/binary/model.py -o binary
    ./binary train --data samples/binary/pair.csv --normalize zscore --val-split 0.25

The model ends with a logit, and BCEWithLogitsLoss has the sigmoid inside.
"""
import torch
from torch import nn, optim

torch.manual_seed(2)
batch_size = 25
num_epochs = 60

model = nn.Sequential(
    nn.Linear(4, 8),
    nn.ReLU(),
    nn.Linear(8, 1),
)
criterion = nn.BCEWithLogitsLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
