import torch
from torch import nn
from seqc import c_op, c_loss, c_optimizer
model = nn.Linear(2, 2)
optimizer = c_optimizer("own/ops.c", "lion", model, state=1, lr=0.1, beta=0.9)
