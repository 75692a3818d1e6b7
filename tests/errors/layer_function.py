import torch.nn.functional as F
from torch import nn

model = nn.Sequential(nn.Linear(4, 8), F.relu, nn.Linear(8, 2))
