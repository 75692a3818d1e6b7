from torch import nn

input_shape = (3, 32, 32)
batch_size = 16
model = nn.Sequential(
    nn.Conv2d(3, 8, 3),
    nn.MaxPool2d(32),
)
