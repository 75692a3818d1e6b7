"""Layers of random models: what their arguments are drawn from, their text, and their shapes.

LAYERS has a row for each kind: a function that draws arguments for the shape of a sample, and one
that gives the text and the new shape, or raises Unfit. Those of images are in images.py.
"""
import math


class Unfit(Exception):
    """The layer cannot stand where it stands."""


def call(kind, args):
    """Class(name=value, …); a name that is a number is positional."""
    return f"{kind}({', '.join(v if k.isdigit() else f'{k}={v}' for k, v in args.items())})"


def some(r, **choices):
    """Each argument half of the time, as text of one of its values."""
    return {k: repr(r.choice(v)) for k, v in choices.items() if r.random() < 0.5}


def real(r, low, high):
    return round(r.uniform(low, high), r.choice([1, 2, 4]))


# ---- layers: NAME -> (arguments drawn for a shape, text and new shape from arguments) ----

def plain(**choices):
    """A layer that keeps its shape and takes these arguments."""
    return (lambda r, shape: some(r, **choices),
            lambda kind, args, shape: (call("nn." + kind, args), shape))


def draw_linear(r, shape):
    wide = [64, 70, 133] * (r.random() < 0.2)
    out = r.choice([1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 24, 33] + wide)
    return {"out": out, **some(r, bias=[True, False])}


def text_linear(kind, args, shape):
    rest = {k: v for k, v in args.items() if k != "out"}
    return (call("nn.Linear", {"0": str(shape[-1]), "1": str(args["out"]), **rest}),
            shape[:-1] + [args["out"]])


def draw_hardtanh(r, shape):
    low = real(r, -1.5, 0.2)
    return {"0": str(low), "1": str(real(r, low + 0.2, 2))} if r.random() < 0.7 else {}


def draw_threshold(r, shape):
    return {"0": str(real(r, -1, 1)), "1": str(real(r, -2, 2))}


def draw_rrelu(r, shape):
    low = real(r, -0.2, 0.4)
    if r.random() >= 0.7:
        return {}
    return {"0": str(low), "1": str(max(low, real(r, low + 0.01, 0.8)))}    # rounded, it may be less


def draw_axis(r, shape):
    axis = r.randint(1, len(shape))
    return {"dim": axis if r.random() < 0.5 else axis - len(shape) - 1}


def place(axis, shape):
    """Index into the sample's shape of an axis that counts the batch."""
    at = axis - 1 if axis > 0 else len(shape) + axis
    if not 0 <= at < len(shape):
        raise Unfit
    return at


def text_axis(kind, args, shape):
    place(args["dim"], shape)
    return call("nn." + kind, {"dim": str(args["dim"])}), shape


def draw_glu(r, shape):
    even = [a for a in range(1, len(shape) + 1) if shape[a - 1] % 2 == 0]
    axis = r.choice(even or [1])
    return {"dim": axis if r.random() < 0.5 else axis - len(shape) - 1}


def text_glu(kind, args, shape):
    at = place(args["dim"], shape)
    if shape[at] % 2:
        raise Unfit
    text = "nn.GLU()" if args["dim"] == -1 else call("nn.GLU", {"dim": str(args["dim"])})
    return text, shape[:at] + [shape[at] // 2] + shape[at + 1:]


def draw_prelu(r, shape):
    return {"each": r.random() < 0.5, **some(r, init=[0.1, -0.3, 1.5])}


def text_prelu(kind, args, shape):
    rest = {k: v for k, v in args.items() if k != "each"}
    return call("nn.PReLU", {**({"0": str(shape[0])} if args.get("each") else {}), **rest}), shape


def draw_flatten(r, shape):
    if r.random() < 0.6:
        return {}
    start = r.randint(1, len(shape))
    return {"0": start, "1": r.choice([-1, r.randint(start, len(shape))])}


def text_flatten(kind, args, shape):
    start, end = args.get("0", 1), args.get("1", -1)
    last = end if end > 0 else len(shape)
    if not 1 <= start <= last <= len(shape):
        raise Unfit
    size = 1
    for s in shape[start - 1:last]:
        size *= s
    return (call("nn.Flatten", {k: str(v) for k, v in args.items()}),
            shape[:start - 1] + [size] + shape[last:])


def draw_unflatten(r, shape):
    axis = r.randint(1, len(shape))
    divisors = [d for d in range(1, shape[axis - 1] + 1) if shape[axis - 1] % d == 0]
    return {"dim": axis, "by": r.choice(divisors), "infer": r.random() < 0.3}


def text_unflatten(kind, args, shape):
    at, by = place(args["dim"], shape), math.prod(args.get("first", [])) * args["by"]
    if shape[at] % by or len(shape) > 3:
        raise Unfit
    sizes = args.get("first", []) + [args["by"], shape[at] // by]
    given = sizes[:-1] + [-1] if args.get("infer") else sizes
    return f"nn.Unflatten({args['dim']}, {tuple(given)})", shape[:at] + sizes + shape[at + 1:]


NORM = dict(eps=[1e-3, 1e-5, 0.1], bias=[False, True])


def draw_batch_norm(r, shape):
    return some(r, **NORM, momentum=[None, 0.3, 0.9, 1.0, 0.0], affine=[False, True],
                track_running_stats=[False, True])


def text_batch_norm(kind, args, shape):
    if len(shape) > 2:
        raise Unfit
    return call("nn.BatchNorm1d", {"0": str(shape[0]), **args}), shape


def draw_layer_norm(r, shape):
    return {"axes": r.randint(1, len(shape)), **some(r, **NORM, elementwise_affine=[False, True])}


def text_layer_norm(kind, args, shape):
    axes = args["axes"]
    if axes > len(shape):
        raise Unfit
    rest = {k: v for k, v in args.items() if k != "axes"}
    sizes = str(shape[-1]) if axes == 1 else str(shape[-axes:])
    return call("nn.LayerNorm", {"0": sizes, **rest}), shape


def draw_group_norm(r, shape):
    groups = r.choice([d for d in range(1, shape[0] + 1) if shape[0] % d == 0])
    return {"groups": groups, **some(r, **NORM, affine=[False, True])}


def text_group_norm(kind, args, shape):
    if shape[0] % args["groups"]:
        raise Unfit
    rest = {k: v for k, v in args.items() if k != "groups"}
    return call("nn.GroupNorm", {"0": str(args["groups"]), "1": str(shape[0]), **rest}), shape


# Classes that hold layers: what they are given and give beside it.
CLASSES = {
    "Residual": "return x + self.body(x)",
    "Join": "return torch.cat([x, self.body(x)], dim=-1)",
    "Twice": "return self.body(torch.tanh(self.body(x)))",
}


def draw_class(r, shape):
    return {"out": r.choice([1, 2, 3, 5, 8, 17]),
            "act": r.choice(["Tanh()", "SiLU()", "ReLU()", "Dropout(0.3)", "LayerNorm"])}


def text_class(kind, args, shape):
    last, inner = shape[-1], args["out"]
    act = args.get("act", "Tanh()")
    if act == "LayerNorm":
        act = f"LayerNorm({inner})"
    if kind == "Twice" and "Dropout" in act:       # its second call has other numbers
        act = "Tanh()"
    inside = f"nn.Linear({last}, {inner}), nn.{act}"
    if kind == "Join":
        return f"Join({inside})", shape[:-1] + [last + inner]
    return f"{kind}({inside}, nn.Linear({inner}, {last}))", shape


LAYERS = {
    "Linear": (draw_linear, text_linear),
    "Residual": (draw_class, text_class),
    "Join": (draw_class, text_class),
    "Twice": (draw_class, text_class),
    "Flatten": (draw_flatten, text_flatten),
    "Unflatten": (draw_unflatten, text_unflatten),
    "Identity": plain(),
    "ReLU": plain(),
    "LeakyReLU": plain(negative_slope=[0.2, -0.1, 0.0, 1.5]),
    "ELU": plain(alpha=[0.3, 2.0]),
    "Sigmoid": plain(),
    "Tanh": plain(),
    "GELU": plain(approximate=["none", "tanh"]),
    "SiLU": plain(),
    "Softplus": plain(beta=[0.5, 2, 5.5], threshold=[1.5, 20, 0]),
    "Softsign": plain(),
    "ReLU6": plain(),
    "SELU": plain(),
    "CELU": plain(alpha=[0.4, 1.7]),
    "Mish": plain(),
    "LogSigmoid": plain(),
    "Tanhshrink": plain(),
    "Hardtanh": (draw_hardtanh, plain()[1]),
    "Hardsigmoid": plain(),
    "Hardswish": plain(),
    "Hardshrink": plain(lambd=[0.1, 0.8, 0]),
    "Softshrink": plain(lambd=[0.1, 0.8, 0]),
    "Threshold": (draw_threshold, plain()[1]),
    "Softmin": (draw_axis, text_axis),
    "Softmax": (draw_axis, text_axis),
    "LogSoftmax": (draw_axis, text_axis),
    "PReLU": (draw_prelu, text_prelu),
    "RReLU": (draw_rrelu, plain()[1]),
    "GLU": (draw_glu, text_glu),
    "AlphaDropout": plain(p=[0.1, 0.3, 0.8, 0.0]),
    "BatchNorm1d": (draw_batch_norm, text_batch_norm),
    "LayerNorm": (draw_layer_norm, text_layer_norm),
    "GroupNorm": (draw_group_norm, text_group_norm),
    "Dropout": plain(p=[0.1, 0.3, 0.9, 0.0]),
}


def layer(kind, **args):
    return {"kind": kind, "args": args, "freeze": [], "group": {}}
