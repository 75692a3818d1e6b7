# options: --optimizer Adam(rate=0.1)
model = nn.Sequential(nn.Linear(4, 8))
