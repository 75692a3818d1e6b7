"""Learning rates that change: five epochs of warm-up, then down along a cosine.

    seqc build samples/schedules/model.py -o cosine
    ./cosine train --data samples/regression/houses.csv --target price --normalize zscore --val-split 0.2

Both count epochs; the program steps the scheduler after each, where a loop under PyTorch calls
scheduler.step().
"""
import torch
from torch import nn, optim
from torch.optim import lr_scheduler

torch.manual_seed(7)
batch_size = 32
num_epochs = 80

model = nn.Sequential(
    nn.Linear(5, 64),
    nn.SiLU(),
    nn.Linear(64, 64),
    nn.SiLU(),
    nn.Linear(64, 1),
)
criterion = nn.MSELoss()
optimizer = optim.AdamW(model.parameters(), lr=0.05)
warm = lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=5)
down = lr_scheduler.CosineAnnealingLR(optimizer, T_max=75)
scheduler = lr_scheduler.SequentialLR(optimizer, [warm, down], milestones=[5])
