from torch import nn

input_shape = (3, 32, 32)
batch_size = 16
model = nn.Sequential(nn.MaxPool2d(2, padding=2))
other = nn.MaxPool1d(2, return_indices=True)
