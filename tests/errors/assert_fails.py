from torch import nn
widths = [8, 4]
assert len(widths) == 3, f'3 widths, not {len(widths)}'
model = nn.Linear(*widths)
