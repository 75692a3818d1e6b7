import torch.nn.functionl as F
import torch.optm as optim
from torch import nn

model = nn.Sequential(nn.Linear(4, 2))
