import torch
from torch import nn, optim
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

torch.manual_seed(1)
num_epochs = 30

numbers = [transforms.ToTensor(), transforms.Normalize(0.286, 0.353)]
shifts = [transforms.RandomCrop(28, padding=1)]

train = datasets.FashionMNIST("data", transform=transforms.Compose(shifts + numbers))
test = datasets.FashionMNIST("data", train=False, transform=transforms.Compose(numbers))
trainloader = DataLoader(train, batch_size=128, shuffle=True)

model = nn.Sequential(
    nn.Flatten(),
    nn.Linear(784, 512),
    nn.ReLU(),
    nn.Linear(512, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.001)
