from torch import nn


class Scaled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


model = Scaled(4, 2)
