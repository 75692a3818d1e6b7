from torch import nn

def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.bias)

model = nn.Sequential(nn.Linear(8, 4), nn.ReLU())
model.apply(init_weights)
