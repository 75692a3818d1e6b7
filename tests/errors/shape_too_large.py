from torch import nn, optim

batch_size = 4096
model = nn.Sequential(nn.Linear(4, 1000000000))
