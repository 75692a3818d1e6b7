from torch import nn

input_shape = (3, 32, 32)
batch_size = 16
model = nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1),
    nn.MaxPool2d(2),
    nn.Conv2d(32, 64, 3),
)
