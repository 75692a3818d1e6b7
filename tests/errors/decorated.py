from functools import lru_cache
from torch import nn

@lru_cache
def width():
    return 8

model = nn.Linear(width(), 2)
