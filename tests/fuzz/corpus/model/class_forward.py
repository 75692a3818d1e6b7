class Block(nn.Module):
    kind = 1
    def __init__(self, k=4):
        super().__init__()
        self.a = nn.Linear(k, k)
        self.b = nn.ModuleList([nn.ReLU()])
    def forward(self, x):
        for b in self.b:
            x = b(self.a(x)) + x * 2
        return torch.cat([x, F.relu(x)[:, 1:3]], dim=1).view(x.size(0), -1)
model = Block()
