"""What loops and functions do to a model: every assertion holds here as under PyTorch."""
from collections import OrderedDict

import torch
from torch import nn, optim

torch.manual_seed(5)


def dense(sizes, act=nn.ReLU, drop=0.0):
    layers = []
    for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
        layers.append(nn.Linear(a, b))
        if i < len(sizes) - 2:
            layers += [act()] + ([nn.Dropout(drop)] if drop else [])
    return nn.Sequential(*layers)


model = dense([6, 16, 8, 3], act=nn.Tanh, drop=0.25)
assert len(model) == 7 and model[1].__class__.__name__ == 'Tanh' and model[-1].out_features == 3
assert sum(p.numel() for p in model.parameters()) == 6 * 16 + 16 + 16 * 8 + 8 + 8 * 3 + 3
assert [n for n, _ in model.named_parameters()] == ['0.weight', '0.bias', '3.weight', '3.bias', '6.weight', '6.bias']
assert [n for n, m in model.named_modules() if isinstance(m, nn.Linear)] == ['0', '3', '6']
assert [type(m) is nn.Linear for m in model.children()].count(True) == 3
assert [n for n, m in model.named_children()][:2] == ['0', '1'] and len(list(model.modules())) == 8


def init_weights(m):
    if isinstance(m, (nn.Conv1d, nn.Conv2d)):
        nn.init.zeros_(m.weight)
    elif isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        if m.bias is not None:
            m.bias.data.fill_(0.01)


model.apply(init_weights)

for name, p in model.named_parameters():
    if name.startswith('0.') or 'bias' in name:
        p.requires_grad = False
assert [p.requires_grad for p in model.parameters()] == [False, False, True, False, True, False]
trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
assert trainable == 152

named = nn.Sequential(OrderedDict([('body', nn.Linear(2, 2)), ('act', nn.ReLU())]))
named.add_module('head', nn.Sequential(OrderedDict(out=nn.Linear(2, 1))))
assert [n for n, _ in named.named_parameters()] == ['body.weight', 'body.bias', 'head.out.weight', 'head.out.bias']
assert [n for n, _ in named.named_modules()] == ['', 'body', 'act', 'head', 'head.out']
assert named.body.weight.shape == (2, 2) and named.head[0].bias.numel() == 1
assert hasattr(named.body, 'weight') and not hasattr(named.act, 'weight')
assert getattr(named, 'body').in_features == 2 and getattr(named.act, 'weight', None) is None
seen = []
named.apply(lambda m: seen.append(m.__class__.__name__))
assert seen == ['Linear', 'ReLU', 'Linear', 'Sequential', 'Sequential']
named = None

groups = {True: [], False: []}
for name, p in model.named_parameters():
    groups[p.dim() > 1].append(p)
assert len(groups[True]) == 3 and len(groups[False]) == 3

criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam((p for p in model.parameters() if p.requires_grad), lr=1e-3)
