"""What is fine-tuned later: ten kinds of clothes, from a thousand small images.

    seqc build samples/fine_tuning/base.py -o base
"""
import torch
from torch import nn, optim

torch.manual_seed(1)
batch_size = 64
num_epochs = 30

body = nn.Sequential(
    nn.Linear(49, 64),
    nn.ReLU(),
    nn.Linear(64, 32),
    nn.ReLU(),
)
model = nn.Sequential(body, nn.Linear(32, 10))
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=2e-3)
