from torch import nn
model = nn.Linear(4, 2)
print(f'{"text":.3d}', '{} {}'.format(1), '%d %d' % (1,))
