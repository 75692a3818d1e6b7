import torch, torchvision
from torch import nn, optim
import torchvision.transforms as transforms
transform = transforms.Compose(
    [transforms.ToTensor(),
     transforms.Normalize((0.4914,0.48216,0.44653), (0.24703,0.24349,0.26159))])
trainset = torchvision.datasets.CIFAR10(root = './data', train =True, download = True, transform = transform )
trainloader = torch.utils.data.DataLoader(trainset, batch_size = 32, shuffle = True)
testset = torchvision.datasets.CIFAR10(root = './data', train =False, download = True, transform = transform )
model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 64), nn.ReLU(), nn.Linear(64, 10))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.01)
