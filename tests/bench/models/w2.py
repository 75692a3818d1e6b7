import torch
from torch import nn, optim

torch.manual_seed(1)
batch_size = 256
num_epochs = 1
input_shape = (1, 28, 28)

model = nn.Sequential(
    nn.Flatten(),
    nn.Linear(784, 128),
    nn.ReLU(),
    nn.Linear(128, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)
