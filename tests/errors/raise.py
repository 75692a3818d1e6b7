from torch import nn

def activation(name):
    if name == 'relu':
        return nn.ReLU()
    raise ValueError(f'unknown activation {name}')

model = nn.Sequential(nn.Linear(4, 2), activation('rely'))
