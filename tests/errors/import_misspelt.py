import touch.nn as nn
model = nn.Sequential(nn.Linear(4, 2))
