from torch import nn, optim

if __name__ == '__main__':
    a = 1
model = nn.Sequential(nn.Linear(4, 2))
for x in y:
        a = 1
    b = 2
model = nn.Sequential(nn.Linear(4, 2))
