from torch import nn


class Settings:
    width = 8


model = nn.Linear(4, Settings.width)
