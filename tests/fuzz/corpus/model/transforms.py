import torch
from torch import nn, optim
from torch.utils.data import DataLoader
from torchvision import datasets, transforms
from torchvision.transforms import InterpolationMode

torch.manual_seed(3)
train = datasets.CIFAR10("cifar", transform=transforms.Compose([
    transforms.RandomCrop(32, padding=4, padding_mode="reflect"),
    transforms.ColorJitter(0.4, 0.4, 0.4, 0.1),
    transforms.RandomRotation(15, interpolation=InterpolationMode.BILINEAR),
    transforms.RandomResizedCrop(16, scale=(0.5, 1.0)),
    transforms.ToTensor(),
    transforms.RandomHorizontalFlip(),
    transforms.Normalize((0.5, 0.4, 0.3), (0.25, 0.25, 0.5)),
    transforms.RandomErasing(value="random"),
]))
trainloader = DataLoader(train, batch_size=16, shuffle=True)
model = nn.Sequential(nn.Flatten(), nn.Linear(768, 10))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
