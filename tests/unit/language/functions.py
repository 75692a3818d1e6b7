"""Functions: every assertion holds here as under PyTorch."""
from torch import nn


def block(width, depth=2, *rest, act=None, **named):
    """Says how it was called."""
    return width, depth, rest, act, named


assert block(1) == (1, 2, (), None, {})
assert block(1, 3, 4, 5, act='x', k=6) == (1, 3, (4, 5), 'x', {'k': 6})
assert block(depth=7, width=8) == (8, 7, (), None, {})
assert block(*[1, 2, 3], **{'act': 'y'}) == (1, 2, (3,), 'y', {})


def fib(n: int) -> int:
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)


assert [fib(n) for n in range(9)] == [0, 1, 1, 2, 3, 5, 8, 13, 21]


def counter(start=0):
    calls = []

    def step(by=1):
        calls.append(by)
        return start + sum(calls)
    return step


up = counter(10)
up()
assert up(5) == 16 and counter()(2) == 2


def nothing():
    pass


assert nothing() is None


def early(xs):
    for x in xs:
        while True:
            if x > 2:
                return x
            break
    return -1


assert early([1, 2, 3, 4]) == 3 and early([]) == -1


def shared(item, to=[]):
    to.append(item)
    return to


shared(1)
assert shared(2) == [1, 2]

scale = 3


def reads_global(x):
    return x * scale


def hides_global(x):
    scale = 1
    return x * scale


assert reads_global(2) == 6 and hides_global(2) == 2 and scale == 3
double = lambda x, by=2: x * by
assert double(4) == 8 and double(4, by=3) == 12
assert (lambda *a, **k: (a, k))(1, b=2) == ((1,), {'b': 2})
makers = [lambda n: n + 1, lambda n: n * 2]
assert [f(5) for f in makers] == [6, 10]


def never_called(loader):
    with open('log') as f:
        for x, y in loader:
            yield x
    try:
        global scale
        scale = 2
    except ValueError:
        raise


def train(model, loader, optimizer):
    for epoch in range(3):
        for x, y in loader:
            optimizer.zero_grad()
            model(x).sum().backward()
            optimizer.step()


assert isinstance(1, int) and isinstance('a', (int, str)) and not isinstance(1.5, int)
assert type(3) == int and block.__name__ == 'block'
model = nn.Linear(4, 2)
