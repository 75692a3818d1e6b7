"""The same with the sigmoid in the model: its output is the probability of virginica.

    seqc build samples/binary/sigmoid.py -o sigmoid
    ./sigmoid train --data samples/binary/pair.csv --normalize zscore --val-split 0.25
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
    nn.Sigmoid(),
)
criterion = nn.BCELoss()
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
