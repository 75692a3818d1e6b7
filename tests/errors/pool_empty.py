from torch import nn

input_shape = (3, 2)
batch_size = 16
model = nn.Sequential(nn.MaxPool1d(2, padding=1, dilation=3))
