import torch
from torch import nn, optim
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
criterion = nn.MSELoss()
optimizer = optim.SGD([{'params': model[0].parameters(), 'lr': 0.5}, {'params': model[2].parameters()}], lr=0.02, momentum=0.7)
warm = lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=5)
long = lr_scheduler.CosineAnnealingLR(optimizer, T_max=25)
scheduler = lr_scheduler.SequentialLR(optimizer, [warm, long], milestones=[5])
