"""Loops, branches, comprehensions: every assertion holds here as under PyTorch."""
from torch import nn

seen = []
for i in range(2, 11, 3):
    seen.append(i)
assert seen == [2, 5, 8]

for i, (a, b) in enumerate(zip('xyz', (1, 2, 3)), start=1):
    if a == 'y':
        continue
    seen += [i * b]
else:
    seen.append('end')
assert seen == [2, 5, 8, 1, 9, 'end']

for i in range(10):
    if i == 4:
        break
else:
    seen.append('never')
assert i == 4 and seen[-1] == 'end'

n, steps = 27, 0
while n != 1:
    n = n // 2 if n % 2 == 0 else 3 * n + 1
    steps += 1
assert steps == 111

growing = [1]
for x in growing:
    if len(growing) < 5:
        growing.append(x * 2)
assert growing == [1, 2, 4, 8, 16]

sizes = {'in': 4, 'hidden': 8}
sizes['out'] = 2
del sizes['in']
names = []
for key in sizes: names.append(key)
for key, value in sizes.items():
    names.append(f'{key}={value}')
assert names == ['hidden', 'out', 'hidden=8', 'out=2']
assert list(sizes.values()) == [8, 2] and 'in' not in sizes and sizes.get('in', 7) == 7

if len(sizes) > 5:
    kind = 'many'
elif len(sizes) == 2:
    kind = 'two'
else:
    kind = 'few'
assert kind == 'two'

assert [[i * j for j in range(i)] for i in range(4)] == [[], [0], [0, 2], [0, 3, 6]]
assert [x + y for x in (1, 2) for y in (10, 20) if x * y != 20] == [11, 22]
assert {k: v for k, v in zip('ab', range(2))} == {'b': 1, 'a': 0}
assert {x % 3 for x in range(9)} == {0, 1, 2} and len({1, 1, 2}) == 2
assert sum(x * x for x in range(4)) == 14
assert i == 4

squares = (x * x for x in range(3))
assert list(squares) == [0, 1, 4] and list(squares) == []
pairs = zip([1, 2], [3, 4])
assert sum(a * b for a, b in pairs) == 11 and list(pairs) == []

assert sorted([3, 1, 2], reverse=True) == [3, 2, 1]
assert sorted(['bb', 'a', 'cc'], key=len) == ['a', 'bb', 'cc']
assert sorted([(1, 'b'), (1, 'a'), (0, 'z')]) == [(0, 'z'), (1, 'a'), (1, 'b')]
assert list(reversed([1, 2, 3])) == [3, 2, 1]
assert max([3, 9, 2]) == 9 and min('c', 'a') == 'a' and max(['aa', 'b'], key=len) == 'aa'
assert any(x > 2 for x in [1, 3]) and not all([1, 0]) and all([])
assert list(map(lambda x: x + 1, [1, 2])) == [2, 3] and list(filter(None, [0, 1, 2])) == [1, 2]

one = two = [1]
one += [2]
assert two == [1, 2] and one is two and [1] is not [1]
two.insert(0, 5)
two.extend(range(2))
assert one == [5, 1, 2, 0, 1] and one.pop() == 1 and one.index(2) == 2 and one.count(5) == 1
one.remove(5)
one.reverse()
one.sort()
assert two == [0, 1, 2] and one.copy() is not one
del one[0]
assert two == [1, 2]
a, b = b, a = 1, 2
assert (a, b) == (2, 1)

model = nn.Linear(4, 2)
