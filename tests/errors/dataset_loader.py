from torch import nn, optim
import torchvision
from torchvision import datasets, transforms
model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)
train = datasets.ImageFolder('data', loader=lambda path: path)
