from torch import nn, optim
import torchvision
from torchvision import datasets, transforms
model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)
steps = transforms.Compose([
    transforms.ToTensor(),
    transforms.Normalize(0.5, 0.5),
    transforms.RandomCrop(32, padding=4),
])
train = datasets.CIFAR10('data', transform=steps)
