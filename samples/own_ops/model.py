import torch
from torch import nn
from seqc import c_loss, c_op, c_optimizer

torch.manual_seed(1)
batch_size = 32
num_epochs = 60

model = nn.Sequential(
    nn.Linear(5, 64),
    c_op("ops.c", "swish", beta=nn.Parameter(torch.ones(64))),
    nn.Linear(64, 64),
    c_op("ops.c", "swish", beta=nn.Parameter(torch.ones(64))),
    nn.Linear(64, 1),
)
criterion = c_loss("ops.c", "huber", delta=20.0)
optimizer = c_optimizer("ops.c", "lion", model.parameters(), state=1, lr=0.01, beta1=0.9, beta2=0.99, decay=0.01)
