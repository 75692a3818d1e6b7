from torch import nn

input_shape = (3, 32, 32)
batch_size = 16
model = nn.Sequential(nn.Upsample(scale_factor=2, mode='bicubic'))
other = nn.Upsample(scale_factor=2, align_corners=True)
third = nn.Upsample(size=3, scale_factor=2)
fourth = nn.Upsample(scale_factor=-1)
