from torch import nn, optim
model = nn.Sequential(nn.Linear(2, 4), nn.SiLU(), nn.Linear(4, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer = optim.SGD(model.parameters(), lr=.1, momentum=0.9, nesterov=True)
