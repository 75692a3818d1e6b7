from functools import partial
from torch import nn

layer = partial(nn.Linear, 4, bias=False)
model = nn.Sequential(layer(2), layer(3, out_features=4))
