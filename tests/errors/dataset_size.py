from torch import nn
from torchvision import datasets, transforms
steps = transforms.Compose([transforms.Resize(64), transforms.ToTensor()])
train = datasets.ImageFolder('data', transform=steps)
model = nn.Sequential(nn.Flatten(), nn.ReLU())
