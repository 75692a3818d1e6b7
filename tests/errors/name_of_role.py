import torch.optim as optim

optimizer = optim.SGD(net.parameters(), lr=0.01)
loss = criterion(pred, target)
