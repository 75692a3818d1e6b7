from torch import nn, optim

input_shape = (2, 9, 8)
batch_size = 4
model = nn.Sequential(
    nn.Conv2d(2, 4, (3, 2), stride=2, padding=(1, 0), dilation=1, groups=2, padding_mode='reflect'),
    nn.BatchNorm2d(4),
    nn.ReLU(),
    nn.MaxPool2d(2, ceil_mode=True),
    nn.Upsample(scale_factor=1.5, mode='bilinear', align_corners=True),
    nn.ConvTranspose2d(4, 3, 2, stride=2, output_padding=1),
    nn.AvgPool2d(3, 2, padding=1, count_include_pad=False),
    nn.AdaptiveMaxPool2d((2, None)),
    nn.ZeroPad2d((1, 0, 2, -1)),
    nn.Flatten(),
    nn.Linear(3 * 3 * 5, 3),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.01)
