import pandas as pd
from torch import nn
model = nn.Linear(4, 2)
table = pd.read_csv('table.csv')
for column in table.columns:
    print(column)
