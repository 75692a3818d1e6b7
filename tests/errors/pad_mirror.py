from torch import nn

input_shape = (3, 4)
batch_size = 16
model = nn.Sequential(
    nn.Conv1d(3, 4, 2),
    nn.ReflectionPad1d(3),
)
