from torch import nn
from seqc import c_activation
model = nn.Linear(2, 2)
