from torch import nn

model = nn.Sequential(nn.Linear(16, 8), nn.Linear(8, 2))
criterion = nn.CrossEntropyLoss()
prediction = model(sample)
loss = criterion(prediction, target)
loss.backward()
model[0].weight.grad, model[0].bias.grad
