from torch import nn
model = nn.Sequential(nn.Linear(4, 2))
first = model.parameters()[0]
