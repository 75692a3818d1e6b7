"""Built-in functions and methods: every assertion holds here as under PyTorch."""
import math
import numpy as np
import torch
from torch import nn

d = {'a': 1}
d.update({'b': 2}, c=3)
d.update(x=4)
assert d == {'a': 1, 'b': 2, 'c': 3, 'x': 4} and d.pop('a') == 1 and d.pop('none', 7) == 7 and len(d) == 3
assert dict(d, y=5)['y'] == 5 and dict(d) == d and dict([('k', 1)]) == {'k': 1} and dict(k=2) == {'k': 2}
assert d.get('b') == 2 and d.get('q') is None and d.get('q', 0) == 0 and list(d.keys()) == ['b', 'c', 'x']
l = [3, 1, 2]
l.insert(0, 9); l.append(4); l.extend((5, 6)); l.remove(9)
assert l == [3, 1, 2, 4, 5, 6] and l.pop() == 6 and l.pop(0) == 3 and l.index(2) == 1 and l.count(4) == 1
l.reverse()
assert l == [5, 4, 2, 1] and sorted(l, reverse=True) == [5, 4, 2, 1] and sorted(l, key=lambda v: -v) == l
l.sort()
assert l == [1, 2, 4, 5] and l.copy() == l and l.copy() is not l
l.clear()
assert l == [] and not l and bool([0]) and not bool('') and bool(1.5) and not bool(None) and not bool({})
s = set([1, 2, 2])
s.add(3); s.add(1)
assert s == {1, 2, 3} and len(s) == 3 and 3 in s and set() == set() and sorted({3, 1, 2}) == [1, 2, 3]
assert abs(-3) == 3 and abs(3) == 3 and abs(-2.5) == 2.5 and abs(True) == 1 and round(2.5) == 2 and round(2.567, 2) == 2.57
assert int(2.9) == 2 and int(-2.9) == -2 and float(3) == 3.0 and int(True) == 1
assert min(3, 1, 2) == 1 and max([1, 5]) == 5 and sum([1, 2.5]) == 3.5 and sum([], 4) == 4 and max('a', 'b') == 'b'
assert math.prod([2, 3, 4]) == 24 and math.prod([]) == 1 and math.sqrt(16) == 4.0 and math.log2(8) == 3.0 and math.ceil(1.2) == 2
assert all([1, True]) and not any([0, '']) and any([0, 1])
assert list(reversed([1, 2])) == [2, 1] and list(map(lambda a: a + 1, [1, 2])) == [2, 3]
assert list(filter(None, [0, 1, 2])) == [1, 2] and list(filter(lambda a: a > 1, [1, 2])) == [2] and list('ab') == ['a', 'b']
assert tuple([1, 2]) == (1, 2) and str([1, 'a']) == "[1, 'a']" and str(None) == 'None'
assert isinstance(1, int) and isinstance(1.0, (int, float)) and not isinstance('a', int) and isinstance(True, int) and isinstance([], list)
assert isinstance(nn.ReLU(), nn.Module) and isinstance(nn.ReLU(), (nn.Linear, nn.ReLU)) and not isinstance(nn.ReLU(), nn.Linear)
assert hasattr(nn.Linear(2, 3), 'bias') and getattr(nn.Linear(2, 3), 'out_features') == 3 and getattr(nn.ReLU(), 'none', 5) == 5
assert type(1) == int and type('a') == str and len({'a': 1}) == 1 and len((1, 2)) == 2
assert list(range(5, 0, -2)) == [5, 3, 1] and range(4)[1] == 1 and len(range(0, 10, 3)) == 4 and 3 in range(4) and list(range(0)) == []
assert 'a,b,,c'.split(',') == ['a', 'b', '', 'c'] and 'a b'.split(' ', 1) == ['a', 'b']
assert nn.Linear(2, 3).weight.shape == (3, 2) and nn.Linear(2, 3).weight.shape.numel() == 6 and torch.zeros(2, 3).numel() == 6
assert sum(p.numel() for p in nn.Linear(2, 3).parameters()) == 9 and nn.Linear(2, 3).weight.dim() == 2
t = torch.tensor([1.0, -2.0, 3.0])
assert (t > 0).sum() == 2 and (t >= 1).sum() == 2 and (t < 0).sum() == 1 and (t <= 1).sum() == 2 and (t != 1).sum() == 2 and (t == 3).sum() == 1
assert (-t).sum() == -2 and (~(t > 0)).sum() == 1 and ((t > 0) & (t < 2)).sum() == 1 and ((t < 0) | (t > 2)).sum() == 2 and (+t).sum() == 2
assert float(t[0]) == 1.0 and int(t[2]) == 3 and t.tolist() == [1.0, -2.0, 3.0] and t.clone().tolist() == t.tolist() and t.detach().numpy().tolist() == t.tolist()
assert t.abs().tolist() == [1.0, 2.0, 3.0] and torch.sqrt(torch.tensor([4.0])).tolist() == [2.0] and t.max() == 3 and t.min() == -2 and len(t) == 3
assert torch.tensor([[1, 2], [3, 4]]).sum() == 10 and torch.ones(2, 2).mean() == 1 and t.shape == (3,) and t.size(0) == 3 and t.float().dtype == torch.float32
assert np.array([1, 2]).sum() == 3 and np.zeros((2, 2)).shape == (2, 2) and torch.from_numpy(np.array([1.5])).tolist() == [1.5] and np.sqrt(np.array([9.0])).tolist() == [3.0]
assert torch.arange(4).tolist() == [0, 1, 2, 3] and torch.linspace(0, 1, 3).tolist() == [0.0, 0.5, 1.0] and torch.full((2,), 7.0).tolist() == [7.0, 7.0] and torch.eye(2).tolist() == [[1.0, 0.0], [0.0, 1.0]]
assert {'a': [1], 'b': (2,)} == {'b': (2,), 'a': [1]} and {'a': 1} != {'a': 2} and [1, 2] < [1, 3] and (1, 'a') <= (1, 'b') and nn.ReLU != nn.Tanh
m = nn.Sequential(nn.Linear(4, 2))
m.append(nn.ReLU())
m.extend([nn.Linear(2, 2), nn.Tanh()])
assert len(m) == 4 and m[0] is m[0] and m[-1] is not m[0] and [n for n, _ in m.named_children()] == ['0', '1', '2', '3'] and nn.Linear is nn.Linear
model = m
