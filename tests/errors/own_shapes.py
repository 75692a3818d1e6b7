import torch
from torch import nn
from seqc import c_op, c_loss, c_optimizer
gate = c_op("own/ops.c", "gate")
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 3)
        self.b = nn.Linear(2, 4)
    def forward(self, x):
        return gate(self.a(x), self.b(x))
input_shape = (2,)
model = Net()
