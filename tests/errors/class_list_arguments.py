from torch import nn


class Parts(nn.ModuleList):
    def __init__(self):
        super().__init__([nn.Linear(4, 4)], 3)


class Plain(nn.Module):
    def __init__(self):
        super().__init__(4)


parts = Parts()
model = Plain()
