from torch import nn
model = nn.Sequential(nn.Linear(4, 2))
if name, param in model.named_parameters():
    param.requires_grad = False
