"""Classes of modules: every assertion holds in Python and here."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Plain(nn.Module):
    width = 3

    def __init__(self, depth=2, *more, act=F.relu, **named):
        super().__init__()
        self.depth = depth
        self.more, self.named = more, named
        self.act = act
        self.layers = nn.ModuleList()
        for i in range(depth):
            self.layers.append(nn.Linear(4 if i == 0 else self.width, self.width))
        self.scale = nn.Parameter(torch.ones(self.width))
        self.register_buffer("shift", torch.zeros(self.width))
        self.register_buffer("names", None)
        self.nothing = None

    def sizes(self):
        return [layer.out_features for layer in self.layers]

    def twice(self, n):
        return 2 * n + len(self.sizes())

    def forward(self, x):
        assert x.dim() == 2 and x.ndim == 2 and x.size(1) == 4 and x.shape[1] == 4 and x.size(-1) == 4
        for layer in self.layers:
            x = self.act(layer(x))
        assert x.shape[-1] == self.width and tuple(x.shape[1:]) == (self.width,)
        return x * self.scale + self.shift


class Wider(Plain):
    width = 5

    def __init__(self):
        super(Wider, self).__init__(3, "a", b=1)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(self.width, 2, bias=False))

    def sizes(self):
        return super().sizes() + [2]

    def forward(self, x):
        a, b = self.pair(super().forward(x))
        assert a.shape == b.shape and a.size(0) == x.size(0) and a.shape != x.shape
        assert x.view(-1).size(0) != x.size(0) and a.unsqueeze(1).shape[1:] == (1, 2)
        return a + b

    def pair(self, x):
        return self.head(x), self.head[1](x)


class Stack(nn.Sequential):
    pass


class Named(nn.ModuleDict):
    def __init__(self, **parts):
        super().__init__()
        for name in parts:
            self.add_module(name, parts[name])


plain, wider = Plain(), Wider()
assert plain.depth == 2 and plain.more == () and plain.named == {} and plain.nothing is None
assert wider.more == ("a",) and wider.named == {"b": 1} and wider.depth == 3
assert Plain.width == 3 and wider.width == 5 and type(wider).width == 5
assert plain.sizes() == [3, 3] and wider.sizes() == [5, 5, 5, 2] and wider.twice(1) == 6
assert isinstance(wider, Plain) and isinstance(wider, nn.Module) and not isinstance(plain, Wider)
assert type(plain) is Plain and type(wider).__name__ == "Wider" and plain.__class__ is Plain
assert plain.training and hasattr(plain, "scale") and not hasattr(plain, "other")
assert getattr(plain, "other", 7) == 7 and getattr(plain, "depth") == 2
names = ["scale", "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"]
assert [name for name, p in plain.named_parameters()] == names
assert [name for name, m in wider.named_children()] == ["layers", "head"]
assert [name for name, m in wider.named_modules()][:3] == ["", "layers", "layers.0"]
assert sum(p.numel() for p in wider.parameters()) == 5 + 25 + 30 + 30 + 10
assert len(wider.layers) == 3 and wider.layers[-1] is wider.layers[2] and wider.head[0] is not wider.layers[0]
assert [type(m).__name__ for m in wider.head] == ["ReLU", "Linear"]
assert len(nn.ModuleList([nn.Linear(2, 3)]).extend([nn.ReLU(), nn.Tanh()])) == 3

class Parts(nn.ModuleList):
    def __init__(self, n):
        super().__init__([nn.Linear(2, 2) for _ in range(n)])


assert len(Parts(3)) == 3 and isinstance(Parts(1)[0], nn.Linear)
stack = Stack(nn.Linear(4, 3), nn.Tanh())
assert len(stack) == 2 and isinstance(stack, nn.Sequential) and stack[0].in_features == 4
parts = Named(first=nn.Linear(4, 4), second=nn.ReLU())
assert list(parts.keys()) == ["first", "second"] and parts["second"] is list(parts.values())[1]
assert [key for key, m in parts.items()] == list(parts) and len(parts) == 2

count = [0]


def note(m):
    count[0] += isinstance(m, nn.Linear)


wider.apply(note)
assert count[0] == 4
wider.head = nn.Linear(5, 1)
assert [name for name, m in wider.named_children()] == ["layers", "head"] and len(list(wider.children())) == 2
wider.head = nn.Sequential(nn.ReLU(), nn.Linear(5, 2, bias=False))
wider.label = "net"
assert wider.label + "!" == "net!"
model = wider
