import torch
from torch import nn, optim

import pandas as pd
df = pd.read_csv("iris.csv")
n_features = df.shape[1]
model = nn.Sequential(nn.Linear(n_features, 3))
