"""Learning rates that are cut when the loss of the validation rows stays where it is.

    seqc build samples/schedules/plateau.py -o plateau
    ./plateau train --data samples/regression/houses.csv --target price --normalize zscore \
        --val-split 0.2 --patience 25
"""
import torch
from torch import nn, optim
from torch.optim import lr_scheduler

torch.manual_seed(7)
batch_size = 32
num_epochs = 300

model = nn.Sequential(
    nn.Linear(5, 64),
    nn.SiLU(),
    nn.Linear(64, 64),
    nn.SiLU(),
    nn.Linear(64, 1),
)
criterion = nn.MSELoss()
optimizer = optim.AdamW(model.parameters(), lr=0.02)
scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=8)
