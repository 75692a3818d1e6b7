from torch import nn

model = nn.Sequential(nn.MaxPool2d(2), nn.MaxUnpool2d(2))
