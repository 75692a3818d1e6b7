from torch import nn, optim
model = nn.Sequential(nn.Linear(4, 2))
params = model.parameters()
print(sum(p.numel() for p in params))
optimizer = optim.SGD(params, lr=0.1)
