from torch import nn

input_shape = (3, 32, 32)
batch_size = 16
model = nn.Sequential(nn.ConvTranspose2d(3, 16, 3, stride=2, output_padding=2))
