import pandas as pd
from torch import nn
table = pd.read_csv('table.csv')
if table.shape[0] > 1000:
    width = 64
else:
    width = 16
model = nn.Linear(width, 2)
