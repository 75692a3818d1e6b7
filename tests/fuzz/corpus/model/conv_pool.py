#: 3,8,8
model = nn.Sequential(nn.Conv2d(3, 4, 3, padding="same"), nn.MaxPool2d(2, ceil_mode=True), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 2))
loss = nn.CrossEntropyLoss()
