import torch
from torch import nn, optim

nn.Linear(4, 8) = model
