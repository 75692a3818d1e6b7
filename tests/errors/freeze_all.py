from torch import nn, optim

model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
model.requires_grad_(False)
optimizer = optim.Adam(model.parameters())
