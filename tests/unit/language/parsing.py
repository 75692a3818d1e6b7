"""What the grammar allows: every assertion holds here as under PyTorch."""
import torch; from torch import nn; import math as m

x = 1; y = 2;
if x: y = 3; x = 4
assert (x, y) == (4, 3) and [*range(2), *[5]] == [0, 1, 5] and (*'ab', 'c') == ('a', 'b', 'c')
assert {**{'a': 1, 'b': 2}, 'b': 3} == {'a': 1, 'b': 3} and {'k': 1, **{}} == {'k': 1} and {**{}} == {}
assert {1, 2, *[2, 3]} == {3, 2, 1} != {3, 2, 4} and {1} != [1] and len({*[1, 1], 1}) == 1
assert {1: 'a', 2: 'b',}[2] == 'b' and (1,)[0] == 1 and () == tuple([])
assert 0x1F + 0o17 + 0b101 + 1_000 == 31 + 15 + 5 + 1000 and 1e3 == 1E+3 == 1_0e0_2 and .5 + 1. == 1.5
assert 5e-1 == 0.5 and 0xe == 14 and 1 if True else 2
assert (lambda a, b=2, *c, d, e=5, **f: (a, b, c, d, e, f))(1, 3, 4, d=6, g=7) == (1, 3, (4,), 6, 5, {'g': 7})
assert (lambda *, k: k)(k=3) == 3 and (lambda *a: a)(1, 2) == (1, 2) and (lambda: 7)() == 7
assert [a + b for a in 'xy' if a != 'z' if a for b in 'pq'] == ['xp', 'xq', 'yp', 'yq']
assert {a: b for a, b in zip('ab', (1, 2))} == {'a': 1, 'b': 2} and {a % 2 for a in range(5)} == {0, 1}
assert [a for a, in [(1,), (2,)]] == [1, 2] and sum(a for a in (1, 2)) == 3
assert not (1 > 2) and (1 < 2 < 3) and not (1 < 3 < 2) and 2 in [1, 2] and 3 not in [1, 2] and None is None and x is not None
assert 7 // 2 == 3 and -7 // 2 == -4 and -7 % 3 == 2 and 7.5 // 2 == 3.0 and -7.5 % 2 == 0.5 and 2 ** -1 == 0.5 and -2 ** 2 == -4
assert 6 & 3 == 2 and 6 | 1 == 7 and 6 ^ 3 == 5 and 1 << 4 == 16 and 256 >> 4 == 16 and ~5 == -6 and -True == -1 and +x == 4
assert 'abcdef'[::2] == 'ace' and 'abcdef'[1:] == 'bcdef' and 'abcdef'[:-1] == 'abcde' and [1, 2, 3][-2:] == [2, 3] and 'abc'[:] == 'abc'
data = torch.zeros(2, 3)[0, 1], torch.zeros(2, 3)[..., 0], torch.zeros(2, 3)[:, 1:, ], torch.zeros(4)[::2]
a = b = 5
a += 1; a -= 2; a *= 3; a //= 2; a **= 2; a %= 7
(c, d), [e, f] = (1, 2), [3, 4]
assert a == 1 and b == 5 and (c, d, e, f) == (1, 2, 3, 4)
g: int = 3
h: 'list[int]'
def named(p: int, /, q: float = 1.0, *, r: str = 'r') -> tuple:
    """A docstring."""
    return p, q, r
assert named(1) == (1, 1.0, 'r') and named(1, q=2, r='s') == (1, 2, 's') and g == 3
def star(*args, **kwargs): return len(args), sorted(kwargs)
assert star(*[1, 2], 3, **{'a': 1}, b=2) == (3, ['a', 'b'])
total = 0
for i, (u, v) in enumerate([(1, 2), (3, 4)]):
    if u == 3: continue
    total += i + u + v
else:
    total += 100
while True:
    total += 1
    if total > 104: break
    else: pass
assert total == 105
del total, c
if x == 9:
	y = 1
elif x == 4:
        y = 8
else:
  y = 2
z = (
    x  # a comment inside
    + 0
) \
    + 1
assert y == 8
assert z == 5 and (lambda q: q if q else -1)(0) == -1 and [0 if k else 1 for k in (0, 1)] == [1, 0]
assert m.pi > 3
model = nn.Linear(4, 2)
