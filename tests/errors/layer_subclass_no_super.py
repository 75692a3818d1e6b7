from torch import nn


class Scaled(nn.Linear):
    def __init__(self, n):
        self.n = n

    def forward(self, x):
        return x * self.weight.sum()


model = Scaled(4)
input_shape = (4,)
