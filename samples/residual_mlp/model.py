"""A residual network as a class: each block adds what it finds to what it was given.

    seqc build samples/residual_mlp/model.py -o residual
    ./residual train --data samples/regression/houses.csv --target price --normalize zscore --val-split 0.2

`forward` runs when the model is compiled: its loop is unrolled, and what the program has is one
graph, whose states have PyTorch's keys (blocks.0.fc1.weight, …).
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim


class Block(nn.Module):
    def __init__(self, width, widen=2):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, widen * width)
        self.fc2 = nn.Linear(widen * width, width)

    def forward(self, x):
        return x + self.fc2(F.silu(self.fc1(self.norm(x))))


class Net(nn.Module):
    def __init__(self, features, outputs, width=32, depth=2):
        super().__init__()
        self.first = nn.Linear(features, width)
        self.blocks = nn.ModuleList([Block(width) for _ in range(depth)])
        self.last = nn.Linear(width, outputs)

    def forward(self, x):
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return self.last(x)


torch.manual_seed(7)
batch_size = 32
num_epochs = 120

model = Net(features=5, outputs=1)
criterion = nn.MSELoss()
optimizer = optim.AdamW(model.parameters(), lr=0.01)
