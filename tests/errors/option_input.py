# options: --input 3x4
net = nn.Sequential(nn.Linear(4, 8))
