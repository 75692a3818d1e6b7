import torch
from torch import nn
from seqc import c_op, c_loss, c_optimizer
beta = nn.Parameter(torch.ones(1))
model = nn.Sequential(c_op("own/ops.c", "swish", beta=beta), nn.Linear(2, 2), c_op("own/ops.c", "swish", beta=beta))
