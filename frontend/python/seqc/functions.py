"""C functions as seqc's JSON has them: found, and evaluated with torch.

The JSON of a function has nodes, each an operation on earlier ones. Under "gradient" it has the form
that seqc computes and the derivative by each parameter, so that nothing is differentiated here: the
derivatives are those of the compiled program, kinks and extremes included.
"""
import json
import os
import shutil
import subprocess

import torch


def _to_int(x):
    """Towards 0, saturating; 0 for NaN."""
    whole = torch.nan_to_num(torch.trunc(x), nan=0.0).clamp(-2.0**63, 2.0**63)
    return torch.where(whole >= 2.0**63, torch.full_like(whole, -1.0), whole).to(torch.int64) \
        .masked_fill(whole >= 2.0**63, 2**63 - 1)


def _cbrt(x):
    y = torch.sgn(x) * torch.abs(x) ** (1 / 3)
    better = y - (y * y * y - x) / (3 * y * y)
    return torch.where(torch.isfinite(better), better, y)


OPERATIONS = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.true_divide,
    "neg": torch.neg, "lt": torch.lt, "le": torch.le, "gt": torch.gt, "ge": torch.ge,
    "eq": torch.eq, "ne": torch.ne, "and": torch.logical_and, "or": torch.logical_or,
    "not": torch.logical_not, "select": torch.where, "to_int": _to_int,
    "sign": torch.sgn, "logsigmoid": torch.nn.functional.logsigmoid, "max": torch.maximum,
    "min": torch.minimum, "cbrt": _cbrt,
}
OPERATIONS.update({name: getattr(torch, name) for name in (
    "exp expm1 log log1p sqrt sigmoid tanh erf sin cos abs floor ceil trunc round pow tan asin acos "
    "atan sinh cosh asinh acosh atanh exp2 log2 log10 atan2 hypot fmod copysign erfc").split()})


def evaluate(nodes, roots, args):
    """The values of the nodes `roots`; args: tensors of one shape and type."""
    like, value = args[0], []
    for op, *rest in nodes:
        if op == "arg":
            x = args[rest[0]]
        elif op == "num":
            x = like.new_tensor(float(rest[0]))
        elif op == "int":
            x = torch.tensor(rest[0], dtype=torch.int64, device=like.device)
        elif op == "bool":
            x = torch.tensor(rest[0], device=like.device)
        elif op == "to_real":
            x = value[rest[0]].to(like.dtype)
        else:
            x = OPERATIONS[op](*(value[i] for i in rest))
        value.append(x)
    return [value[i].expand_as(like) for i in roots]


class _Apply(torch.autograd.Function):
    @staticmethod
    def forward(ctx, function, *args):
        ctx.function = function
        ctx.save_for_backward(*args)
        return function.values(args, [function.value])[0].clone()

    @staticmethod
    def backward(ctx, g):
        args, f = ctx.saved_tensors, ctx.function
        needed = [i for i, need in enumerate(ctx.needs_input_grad[1:]) if need]
        grads = [None] * len(args)
        for i, d in zip(needed, f.values(args, [f.derivatives[i] for i in needed])):
            # Where a derivative is 0 the gradient is, whatever comes in, as masks have it.
            grads[i] = torch.where(d == 0, torch.zeros_like(g), g * d).sum_to_size(args[i].shape)
        return (None, *grads)


class Function:
    """One C function; called with a dict of its parameters' values, tensors and numbers."""

    def __init__(self, f):
        self.name, self.params = f["name"], f["params"]
        gradient = f["gradient"]
        self.nodes, self.value = gradient["nodes"], gradient["value"]
        self.derivatives = gradient["derivatives"]

    def __str__(self):
        return f"{self.name}({', '.join(self.params)})"

    def check(self, name):
        if name not in self.params:
            raise TypeError(f"the C function `{self.name}` has no parameter `{name}`; it is {self}")

    def values(self, args, roots):
        return evaluate(self.nodes, roots, torch.broadcast_tensors(*args))

    def __call__(self, value):
        like = next(v for v in value.values() if isinstance(v, torch.Tensor))
        args = [value[p] if isinstance(value[p], torch.Tensor) else like.new_tensor(value[p])
                for p in self.params]
        if not args:
            args = [like]
        return _Apply.apply(self, *args)


class Functions(dict):
    """Those of a file, by name."""

    def __init__(self, path, parsed):
        super().__init__((f["name"], Function(f)) for f in parsed["functions"])
        self.path = path

    def __missing__(self, name):
        raise KeyError(f"{self.path} has no function `{name}`; it has {', '.join(self)}")


def _hash(path):
    """FNV-1a, 64 bits, as seqc's caches have it."""
    h = 0xcbf29ce484222325
    with open(path, "rb") as file:
        for byte in file.read():
            h = (h ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return f"{h:016x}"


def _kept(file):
    """What was kept of a C file, if it is of these bytes; else None."""
    folder, base = os.path.split(file)
    try:
        with open(os.path.join(folder, ".seqc", os.path.splitext(base)[0] + ".json")) as kept:
            parsed = json.load(kept)
        good = parsed["hash"] == _hash(file) and all(
            i["hash"] == _hash(os.path.join(folder, i["file"])) for i in parsed["includes"])
        return parsed if good and all("gradient" in f for f in parsed["functions"]) else None
    except (OSError, ValueError, KeyError):
        return None


def load(path, model):
    """The functions of the C file `path`, which the file `model` names."""
    file = os.path.join(os.path.dirname(model), path)
    if not os.path.exists(file):
        raise FileNotFoundError(f"cannot read {file}: the path is relative to the model file's folder")
    parsed = _kept(file)
    if parsed is None:
        installed = os.path.join(os.path.dirname(__file__), "..", "..", "..", "..", "bin", "seqc")
        seqc = os.environ.get("SEQC") or shutil.which(installed) or shutil.which("seqc")
        if not seqc:
            raise RuntimeError(f"{file} has to be read: put seqc on the PATH, or its path into $SEQC")
        run = subprocess.run([seqc, "diff", file, "--format", "json"], stdout=subprocess.PIPE)
        if run.returncode:
            raise RuntimeError(f"{seqc} diff {file} failed with exit code {run.returncode}")
        parsed = json.loads(run.stdout)
    return Functions(path, parsed)
