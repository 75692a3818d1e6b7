from torch import nn

input_shape = (3, 32, 32)
batch_size = 16
model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.InstanceNorm2d(3))
