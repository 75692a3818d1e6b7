"""A small CNN for Fashion-MNIST whose images are never twice the same, to be stopped in time."""
import torch
from torch import nn, optim
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

torch.manual_seed(1)
num_epochs = 100

numbers = [transforms.ToTensor(), transforms.Normalize(0.286, 0.353)]
others = [transforms.RandomHorizontalFlip(), transforms.RandomCrop(28, padding=2)]

train = datasets.FashionMNIST("data", transform=transforms.Compose(others + numbers))
test = datasets.FashionMNIST("data", train=False, transform=transforms.Compose(numbers))
trainloader = DataLoader(train, batch_size=128, shuffle=True)

model = nn.Sequential(
    nn.Conv2d(1, 16, kernel_size=3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(16, 32, kernel_size=3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(32 * 7 * 7, 64),
    nn.ReLU(),
    nn.Linear(64, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=2e-3)
