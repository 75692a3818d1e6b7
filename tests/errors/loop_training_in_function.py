from torch import nn, optim
model = nn.Sequential(nn.Linear(4, 2))
criterion = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)

def train(epochs):
    for epoch in range(epochs):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()

train(10)
