# options: -D n_features=8 -D unused=1 -D model=2
model = nn.Sequential(nn.Linear(n_features, 8))
