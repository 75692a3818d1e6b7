import torch.nn as nn

model = nn.Sequential(nn.Linear(4, 5), nn.GLU())
