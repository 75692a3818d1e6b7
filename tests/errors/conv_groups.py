from torch import nn

input_shape = (3, 32, 32)
batch_size = 16
model = nn.Sequential(nn.Conv2d(3, 16, 3, groups=2))
other = nn.Conv2d(4, 6, 3, groups=4)
