# options: --model nett
net = nn.Sequential(nn.Linear(4, 8))
