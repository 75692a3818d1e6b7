import torch
from torch import nn, optim
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR, ReduceLROnPlateau, SequentialLR, StepLR

model = nn.Sequential(nn.Linear(4, 3))
optimizer = optim.Adagrad(model.parameters(), lr=0.1)
a = LambdaLR(optimizer, lambda epoch: 0.95 ** epoch)
b = StepLR(optimizer, step_size=0)
c = StepLR(model, step_size=10)
d = OneCycleLR(optimizer, max_lr=0.1)
e = OneCycleLR(optimizer, max_lr=[0.1, 0.2], total_steps=10)
f = ReduceLROnPlateau(optimizer, mode='max')
g = SequentialLR(optimizer, [StepLR(optimizer, 3), ReduceLROnPlateau(optimizer)], milestones=[5])
h = StepLR(optimizer, 3, last_epoch=4)
i = optim.lr_scheduler.MultiStepLR(optimizer, [5, 3])
