"""Cells of a notebook, one after another: what explores a model is read, the model is compiled."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

one_hot = F.one_hot(torch.tensor(1), num_classes=3)
assert one_hot.tolist() == [0, 1, 0]
scores = torch.tensor([[-0.1211, 0.1059]])
loss_of_scores = nn.CrossEntropyLoss()(scores, torch.tensor([0]))

# no Linear says how wide a sample is: the call does
probabilities = nn.Softmax(dim=-1)
output = probabilities(torch.tensor([[4.3, 6.1, 2.3], [0.1, 0.2, 0.3]]))
print(output)

del probabilities


def init_weights(m):
    if isinstance(m, nn.Linear):  # by checking the type we can init different layers in different ways
        torch.nn.init.kaiming_normal_(m.weight)
        torch.nn.init.zeros_(m.bias)


num_inputs, num_outputs = 2, 1
net = nn.Linear(num_inputs, num_outputs)
net.apply(init_weights)
assert net.weight.shape == (1, 2)

features = np.array([[1.0, 2.0], [3.0, 4.0]])
prediction = net(torch.tensor(features).float())
criterion = nn.MSELoss()
loss = criterion(prediction, torch.tensor([[0.5], [1.0]]))
loss.backward()
weight_grad = net.weight.grad
weight = net.weight - 0.001 * weight_grad

optimizer = optim.SGD(net.parameters(), lr=0.1)
optimizer.step()
