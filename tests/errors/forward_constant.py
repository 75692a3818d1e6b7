import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 8)
        self.fc2 = nn.Linear(8, 2)

    def forward(self, x):
        import numpy as np
        return self.fc2(self.fc1(x) * torch.from_numpy(np.array([1.0, 2, 3, 4, 5, 6, 7, 8])))


model = Net()
