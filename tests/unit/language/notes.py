"""A notebook's cells one after another, as people paste them: data goes through untouched."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.nn import CrossEntropyLoss
from torch.utils.data import DataLoader, TensorDataset

reading = torch.tensor([[0.5, -1.25, 2.0]])
layer = nn.Linear(in_features=3, out_features=2)
result = layer(reading)
print(result, layer.weight, layer.bias)

squash = nn.Sigmoid()
print(squash(torch.tensor([[4.0]])))
shares = nn.Softmax(dim=-1)
print(shares(torch.tensor([[1.5, 0.5, -2.0]])))

label = [2]
scores = torch.tensor([[0.3, 5.0, -1.0, 2.5]])
wanted = F.one_hot(torch.tensor(label), scores.shape[1])
criterion = CrossEntropyLoss()
loss = criterion(scores.double(), wanted.double())
print(loss)

a = torch.tensor(-2., requires_grad=True)
b = torch.tensor(4., requires_grad=True)
c = (a + b) * b
c.backward()
print('slope of a:', str(a.grad))

measured = np.array([[1., 2., 3., 4.], [5., 6., 7., 8.], [2., 2., 2., 2.]])
price = np.array([[0.5], [1.5], [0.75]])
dataset = TensorDataset(torch.tensor(measured).float(), torch.tensor(price).float())
inputs, wanted = dataset[0]
print('inputs:', inputs, f'wanted: {wanted}')
dataloader = DataLoader(dataset, batch_size=2, shuffle=True)

model = nn.Sequential(nn.Linear(4, 8),
                      nn.LeakyReLU(negative_slope=0.05),
                      nn.Dropout(p=0.1),
                      nn.Linear(8, 1))
criterion = nn.MSELoss()
prediction = model(torch.tensor(measured).float())
loss = criterion(prediction, torch.tensor(price).float())
loss.backward()
model[0].weight.grad, model[0].bias.grad
lr = 0.001
weight = model[0].weight
weight = weight - lr * model[0].weight.grad
optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
optimizer.step()


def squared(output, target):
    return np.mean((output - target) ** 2)


assert squared(np.array(10), np.array(1)) == 81
total = 0
for p in model.parameters():
    total += p.numel()
print(total)
assert total == 49
for name, p in model.named_parameters():
    if name == '0.weight':
        p.requires_grad = False
other = nn.Linear(6, 2)
nn.init.uniform_(other.weight)
print(other.weight.min(), other.weight.max())
features = torch.randn((1, 4))
print(model(features))
model.eval()
model.train()
other = None
layer = None
squash = shares = None
