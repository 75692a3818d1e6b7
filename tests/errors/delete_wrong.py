from torch import nn
model = nn.Linear(2, 2)
del model.weight
del undefined
width = 3
del width
print(width)
