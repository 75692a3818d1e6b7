import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.utils.data import DataLoader

torch.manual_seed(1)
hidden, batch_size = 8 * 2, 4
num_epochs = 3
input_shape = (2, 3)
body = nn.Sequential(nn.Flatten(), nn.Linear(6, hidden, bias=False), nn.LeakyReLU(0.2), nn.Dropout(p=0.5))
model = nn.Sequential(
    body,
    nn.Linear(hidden, 2 ** 3), nn.ELU(alpha=1.5), nn.Identity(), nn.GELU(approximate='tanh'),
    nn.Linear(8, 3), nn.LogSoftmax(dim=1),
)
nn.init.kaiming_uniform_(model[1].weight, nonlinearity="relu")
nn.init.zeros_(body[1].weight)
for p in body.parameters():
    p.requires_grad = False
print(f"parameters {hidden}", len(model))
criterion = nn.NLLLoss(reduction="sum")
optimizer = optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.01, eps=1e-8)
loader = DataLoader(None, batch_size=batch_size, shuffle=True, drop_last=True)
