from torch import nn

input_shape = (28, 28)
batch_size = 16
model = nn.Sequential(nn.Conv2d(1, 16, 3))
