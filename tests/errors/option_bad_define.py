# options: -D width
model = nn.Sequential(nn.Linear(4, 2))
