"""Fisher's iris flowers: four lengths in cm, three species, 150 rows.

    seqc build samples/iris/model.py -o iris
    ./iris train --data samples/iris/iris.csv --normalize zscore --val-split 0.2

The species stand in the file as names; the program numbers them in sorted order and keeps the
names in the weights.
"""
import torch
from torch import nn, optim

torch.manual_seed(3)
batch_size = 16
num_epochs = 60

model = nn.Sequential(
    nn.Linear(4, 16),
    nn.Tanh(),
    nn.Linear(16, 3),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
