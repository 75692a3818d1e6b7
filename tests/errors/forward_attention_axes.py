import torch
from torch import nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 6)

    def forward(self, x):
        x = self.fc(x)
        x = F.scaled_dot_product_attention(x, x, x)
        return x


model = Net()
