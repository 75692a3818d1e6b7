"""A new task from sixty images: the body of base.py, frozen, with a new head.

    seqc build samples/fine_tuning/model.py -o tuned

base.safetensors is what training base.py left; the program reads it when it begins to train. It
holds the optimizer's state as well, which strict=False passes over.
"""
import torch
from safetensors.torch import load_file
from torch import nn, optim

torch.manual_seed(1)
batch_size = 10
num_epochs = 60

body = nn.Sequential(
    nn.Linear(49, 64),
    nn.ReLU(),
    nn.Linear(64, 32),
    nn.ReLU(),
)
base = nn.Sequential(body, nn.Linear(32, 10))
base.load_state_dict(load_file("base.safetensors"), strict=False)
for p in body.parameters():
    p.requires_grad = False

model = nn.Sequential(body, nn.Linear(32, 5))
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model[1].parameters(), lr=1e-2)
