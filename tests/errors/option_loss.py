# options: --loss nn.MseLoss()
model = nn.Sequential(nn.Linear(4, 8))
