# options: -D width=3+
model = nn.Linear(4, width)
