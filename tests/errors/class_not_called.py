from torch import nn


class Block(nn.Module):
    def forward(self, x):
        return x + 1


model = nn.Sequential(nn.Linear(4, 2), Block)
