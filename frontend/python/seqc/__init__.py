"""Functions in C as layers, losses and optimizers of PyTorch.

A model file that says `from seqc import c_op, c_loss, c_optimizer` is compiled by seqc and runs under
PyTorch with this module, and means the same in both. What a C function computes, and its derivatives,
are read from the JSON that seqc keeps beside it (`.seqc/ops.json` of `ops.c`); where that is not there
or the C file has changed, `seqc diff` makes it. See seqc's README.
"""
import sys

import torch
from torch import nn

from .functions import Function, load

__all__ = ["c_op", "c_loss", "c_optimizer"]


def _function(path, name, depth=2):
    """The function of the C file that the caller's caller names, relative to that file."""
    model = sys._getframe(depth).f_globals.get("__file__", "")
    return load(path, model)[name]


def _number(call, name, value):
    if isinstance(value, (int, float)):
        return float(value)
    raise TypeError(f"{call}(): `{name}` must be a number, but is {type(value).__name__}")


class COp(nn.Module):
    """A layer: tensors of the call, then its parameters and numbers, by the C function's names."""

    def __init__(self, function: Function, given):
        super().__init__()
        self.function = function
        self.numbers = {}
        for name, value in given.items():
            function.check(name)
            if isinstance(value, nn.Parameter):
                self.register_parameter(name, value)
            else:
                self.numbers[name] = _number("c_op", name, value)
        self.tensors = [p for p in function.params if p not in given]
        if not self.tensors:
            raise TypeError(f"all parameters of {function} are given: none is left for a tensor")

    def _parameter(self, name, rank):
        """One number for each channel stands along axis 1, as PReLU's do; other shapes broadcast."""
        p = getattr(self, name)
        return p.view(-1, *[1] * (rank - 2)) if p.dim() == 1 and p.numel() > 1 and rank > 2 else p

    def forward(self, *tensors):
        if len(tensors) != len(self.tensors):
            raise TypeError(f"{self.function.name} takes {len(self.tensors)} tensors "
                            f"({', '.join(self.tensors)}), but gets {len(tensors)}")
        value = dict(zip(self.tensors, tensors), **self.numbers)
        rank = max(t.dim() for t in tensors)
        for name in self._parameters:
            value[name] = self._parameter(name, rank)
        return self.function(value)

    def extra_repr(self):
        return ", ".join([str(self.function), *(f"{k}={v}" for k, v in self.numbers.items())])


class CLoss(nn.Module):
    """A loss of elements, averaged or summed."""

    def __init__(self, function: Function, given, reduction):
        super().__init__()
        self.function = function
        if reduction not in ("mean", "sum"):
            raise ValueError(f"c_loss(): `reduction` must be 'mean' or 'sum', but is {reduction!r}")
        for name in given:
            function.check(name)
        self.numbers = {k: _number("c_loss", k, v) for k, v in given.items()}
        self.pair = [p for p in function.params if p not in given]
        self.reduction = reduction
        if len(self.pair) > 2:
            raise TypeError(f"c_loss() is missing `{self.pair[2]}`")
        if len(self.pair) < 2:
            raise TypeError(f"a loss takes a prediction and a target, but {function} leaves "
                            f"{len(self.pair)} for them")

    def forward(self, prediction, target):
        if prediction.shape != target.shape:
            raise ValueError(f"prediction {tuple(prediction.shape)} and target {tuple(target.shape)} "
                             "differ in shape")
        pair = dict(zip(self.pair, (prediction, target.to(prediction.dtype))))
        each = self.function({**pair, **self.numbers})
        return each.mean() if self.reduction == "mean" else each.sum()


class COptimizer(torch.optim.Optimizer):
    """name(p, g, states …, numbers) is a parameter's new value, name_state(…) that of a state."""

    def __init__(self, functions, name, params, state, numbers):
        rule = functions[name]
        if len(rule.params) < 2 + state:
            raise TypeError(f"{rule} needs parameters for a parameter, its gradient and {state} states")
        self.tensors = rule.params[:2 + state]
        self.rules = [rule] + [functions[f"{name}_{s}"] for s in self.tensors[2:]]
        needed = {p for f in self.rules for p in f.params} - set(self.tensors) - {"step"}
        if "lr" not in needed:
            raise TypeError(f"{rule} has no parameter `lr`")
        for missing in sorted(needed - set(numbers)):
            raise TypeError(f"c_optimizer() is missing `{missing}`")
        for unknown in sorted(set(numbers) - needed):
            raise TypeError(f"c_optimizer() has no argument `{unknown}`")
        super().__init__(params, {k: _number("c_optimizer", k, v) for k, v in numbers.items()})

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._update(p, group)
        return loss

    def _update(self, p, group):
        state = self.state[p]
        names = self.tensors[2:]
        state["step"] = state.get("step", 0) + 1
        old = [p, p.grad, *(state.setdefault(s, torch.zeros_like(p)) for s in names)]
        value = {**group, **dict(zip(self.tensors, old)), "step": float(state["step"])}
        new = [f(value) for f in self.rules]
        for s, x in zip(names, new[1:]):
            state[s] = x.expand_as(p).clone()
        p.copy_(new[0])


def c_op(path, name, /, **given):
    """A layer of the C function `name` of the file `path`: c_op("ops.c", "swish", beta=1.0).

    What is given is a number, or an nn.Parameter of one number or one for each channel (axis 1),
    which the layer trains and saves under that name. What is not given are the tensors of a call."""
    return COp(_function(path, name), given)


def c_loss(path, name, /, reduction="mean", **given):
    """A loss: the C function of a prediction, a target and numbers, for each element."""
    return CLoss(_function(path, name), given, reduction)


def c_optimizer(path, name, /, params, *, state=0, **numbers):
    """An optimizer: the new value of a parameter is name(parameter, gradient, states …, numbers), that
    of the state m name_m(…). States start at 0; lr and step (from 1) are among the numbers."""
    model = sys._getframe(1).f_globals.get("__file__", "")
    return COptimizer(load(path, model), name, params, state, numbers)
