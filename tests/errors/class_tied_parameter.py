from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.w = self.a.weight

    def forward(self, x):
        return self.a(x) @ self.w


model = Net()
