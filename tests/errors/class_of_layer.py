from torch import nn


class Scaled(nn.MSELoss):
    def forward(self, x):
        return 2 * super().forward(x)


model = Scaled()
