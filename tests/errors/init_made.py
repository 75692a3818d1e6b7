import torch.nn as nn

model = nn.Sequential(nn.Linear(4, 2))
nn.init.orthogonal_(model[0].bias)
nn.init.eye_(model[0].bias)
nn.init.sparse_(model[0].weight, sparsity=1.5)
nn.init.trunc_normal_(model[0].weight, a=2., b=1.)
nn.init.trunc_normal_(model[0].weight, std=-1.)
