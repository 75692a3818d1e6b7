import torch
from torch import nn, optim
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
criterion = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=0.02, betas=(0.8, 0.99))
trainloader = DataLoader(TensorDataset(torch.zeros(40, 5), torch.zeros(40, 3)), batch_size=8)
scheduler = lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, epochs=6, steps_per_epoch=len(trainloader), pct_start=0.4, div_factor=10, final_div_factor=100)
