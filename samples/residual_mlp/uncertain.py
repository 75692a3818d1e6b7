"""The same flats, with a deviation for each price: forward returns a pair, mean and variance.

    seqc build samples/residual_mlp/uncertain.py -o uncertain
    ./uncertain train --data samples/regression/houses.csv --target price --normalize zscore --val-split 0.2

GaussianNLLLoss takes the pair; `predict` writes the means and then the variances.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim


class Net(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.mean = nn.Linear(width, 1)
        self.deviation = nn.Linear(width, 1)

    def forward(self, x):
        h = self.body(x)
        mean = 500 + 200 * self.mean(h)
        deviation = 100 * F.softplus(self.deviation(h))
        return mean, deviation ** 2


torch.manual_seed(7)
batch_size = 32
num_epochs = 200

model = Net()
criterion = nn.GaussianNLLLoss(eps=1.0)
optimizer = optim.AdamW(model.parameters(), lr=0.005)
