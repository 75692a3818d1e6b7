# options: --model teacher
net = nn.Sequential(nn.Linear(4, 8))
