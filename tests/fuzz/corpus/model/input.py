#: 3,4,5
from torch import nn
model = nn.Sequential(nn.Linear(5, 2), nn.Softmax(-1))
loss_fn = nn.L1Loss()
