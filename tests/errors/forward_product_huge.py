import torch
from torch import nn

input_shape = (1, 30000000, 1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.s = nn.Parameter(torch.ones(1))

    def forward(self, x):
        x = x * self.s
        return x @ x.mT


model = Net()
