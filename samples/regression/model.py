"""Regression on a CSV file: what a flat costs, from five numbers about it.

    seqc build samples/regression/model.py -o houses
    ./houses train --data samples/regression/houses.csv --target price --normalize zscore --val-split 0.2

The inputs differ in size by a thousand, hence --normalize zscore. make_data.py says how the prices
were made; their noise has a deviation of 15, so no model's mean absolute error gets below 12.
"""
import torch
from torch import nn, optim

torch.manual_seed(7)
batch_size = 32
num_epochs = 120

model = nn.Sequential(
    nn.Linear(5, 64),
    nn.SiLU(),
    nn.Linear(64, 64),
    nn.SiLU(),
    nn.Linear(64, 1),
)
criterion = nn.MSELoss()
optimizer = optim.AdamW(model.parameters(), lr=0.01)
