import torch
from torch import nn
from seqc import c_op, c_loss, c_optimizer
model = nn.Linear(2, 2)
criterion = c_loss("own/ops.c", "huber", delta=1.0, reduction="none")
