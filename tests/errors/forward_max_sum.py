from torch import nn


class Net(nn.Module):
    def forward(self, x):
        return x + x.max(1)


model = Net()
input_shape = (4,)
