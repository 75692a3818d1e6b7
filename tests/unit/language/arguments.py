"""Arguments that change where, when or how fast PyTorch computes mean nothing here: each is taken."""
import math

import torch
from torch import nn, optim

layer = nn.Linear(4, 3, device='cpu', dtype=torch.float32)
norms = [nn.BatchNorm1d(3, device=None), nn.LayerNorm(3, dtype=None), nn.GroupNorm(1, 3, device='cpu')]
assert layer.out_features == 3 and nn.PReLU(device='cpu').num_parameters == 1
assert [n.eps for n in norms] == [1e-5, 1e-5, 1e-5]

model = nn.Sequential(layer, nn.ReLU(inplace=True), nn.Linear(3, 2))
w = model[0].weight

optim.SGD([w], lr=0.1, foreach=False, differentiable=False)
optim.Adam([w], foreach=None, capturable=False, differentiable=False, fused=False)
optim.AdamW([w], foreach=True, capturable=False)
optim.NAdam([w], foreach=False)
optim.RMSprop([w], foreach=None)
optim.Adagrad([w], foreach=None, maximize=False)
optimizer = optim.Adadelta(model.parameters(), foreach=False, maximize=False)
scheduler = optim.lr_scheduler.StepLR(optimizer, 2, last_epoch=-1)

gains = [nn.init.calculate_gain(f) for f in ('linear', 'sigmoid', 'tanh', 'relu', 'selu', 'conv2d')]
assert gains == [1, 1, 5 / 3, math.sqrt(2), 0.75, 1]
assert nn.init.calculate_gain('leaky_relu') == math.sqrt(2 / (1 + 0.01 ** 2))
assert nn.init.calculate_gain('leaky_relu', 0.2) == math.sqrt(2 / (1 + 0.2 ** 2))

criterion = nn.CrossEntropyLoss(weight=None, size_average=None, reduce=None, reduction='mean')
