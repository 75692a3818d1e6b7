"""Layers of images and sequences for random models, and which of them follow one another.

ROWS adds to layers.LAYERS: a row has two functions, as there, and the ranks of samples that the
layer takes. Arguments are numbers, words and lists; a list is one number for each axis.

A model is a piece of a walk through all kinds of layers: `walk` goes through every ordered pair of
kinds once before it takes any a second time. So the pairs that N models hold are known beforehand,
whatever arguments are drawn. Where a layer takes images and meets a sequence, or the other way
round, a Flatten or an Unflatten stands between them, and `pairs` looks through it.
"""
import collections
import functools
import itertools
import math
import random

from layers import LAYERS, Unfit, draw_batch_norm, layer

LARGEST = 400           # elements of a sample


def words(args):
    return ", ".join((k + "=") * (not k.isdigit()) + repr(tuple(v) if isinstance(v, list) else v)
                     for k, v in args.items())


def given(r, **choices):
    """Each argument half of the time, as a value."""
    return {k: r.choice(v) for k, v in choices.items() if r.random() < 0.5}


def sizes(r, shape, choices):
    """One for all axes of space, or one for each."""
    each = [r.choice(choices) for _ in shape[1:]]
    return each[0] if r.random() < 0.5 else each


def each(v, shape):
    """The number for each axis of space."""
    if isinstance(v, list) and len(v) != len(shape) - 1:
        raise Unfit
    return v if isinstance(v, list) else [v] * (len(shape) - 1)


def divisors(n):
    return [d for d in range(1, n + 1) if n % d == 0]


def must(condition):
    if not condition:
        raise Unfit


def named(kind, args, *positional):
    return f"nn.{kind}({', '.join([*map(str, positional), *filter(None, [words(args)])])})"


def without(args, *names):
    return {k: v for k, v in args.items() if k not in names}


# ---- convolutions ----

CHANNELS = [1, 2, 3, 4, 4, 5, 6, 8, 8, 12, 16, 16]


def draw_groups(r, channels):
    return {"groups": r.choice([channels, *divisors(channels)])} if r.random() < 0.4 else {}


def draw_conv(r, shape):
    args = draw_groups(r, shape[0])
    groups = args.get("groups", 1)
    args["out"] = groups * r.choice([1, 2]) if groups > 4 else r.choice(
        [c for c in CHANNELS if c % groups == 0])
    args["kernel"] = sizes(r, shape, [1, 2, 3, 3, 3, 4, 5])
    if args["kernel"] == 3 and r.random() < 0.5:        # the commonest
        return {**args, "padding": 1, **given(r, bias=[False])}
    if r.random() < 0.4:
        args["stride"] = sizes(r, shape, [1, 2, 3])
    if r.random() < 0.3:
        args["dilation"] = sizes(r, shape, [1, 2, 3])
    if r.random() < 0.7:
        args["padding"] = sizes(r, shape, [0, 1, 1, 2, 3])
    if r.random() < 0.2:
        args["padding"] = "valid" if "stride" in args else r.choice(["same", "valid"])
    if r.random() < 0.3:
        args["padding_mode"] = r.choice(["zeros", "reflect", "replicate", "circular"])
    return {**args, **given(r, bias=[False, True])}


def text_conv(kind, args, shape):
    channels, groups, padding = shape[0], args.get("groups", 1), args.get("padding", 0)
    must(channels % groups == 0 and args["out"] % groups == 0)
    new = [args["out"]]
    for i, size in enumerate(shape[1:]):
        kernel, stride, dilation = (each(args.get(k, 1), shape)[i]
                                    for k in ("kernel", "stride", "dilation"))
        span = dilation * (kernel - 1)
        must(padding != "same" or stride == 1)
        total = {"same": span, "valid": 0}.get(padding) if isinstance(padding, str) else (
            2 * each(padding, shape)[i])
        most = {"reflect": size - 1, "circular": size}.get(args.get("padding_mode"), total)
        must(total - total // 2 <= most and span < size + total)
        new.append((size + total - span - 1) // stride + 1)
    return named(kind, without(args, "out", "kernel"), channels, args["out"],
                 words({"0": args["kernel"]})), new


def draw_transposed(r, shape):
    args = draw_groups(r, shape[0])
    groups = args.get("groups", 1)
    args["out"] = groups * r.choice([1, 1, 2, 3]) if groups > 1 else r.choice(CHANNELS[:9])
    args["kernel"] = sizes(r, shape, [1, 2, 2, 3, 4])
    if r.random() < 0.6:
        args["stride"] = sizes(r, shape, [1, 2, 2, 3])
    if r.random() < 0.3:
        args["dilation"] = sizes(r, shape, [1, 2])
    if r.random() < 0.5:
        args["padding"] = sizes(r, shape, [0, 1, 2])
    if r.random() < 0.4:
        args["output_padding"] = sizes(r, shape, [0, 1])
    return {**args, **given(r, bias=[False, True])}


def text_transposed(kind, args, shape):
    channels, groups = shape[0], args.get("groups", 1)
    must(channels % groups == 0 and args["out"] % groups == 0)
    new = [args["out"]]
    for i, size in enumerate(shape[1:]):
        kernel, stride, dilation, padding, more = (
            each(args.get(k, d), shape)[i] for k, d in
            [("kernel", 1), ("stride", 1), ("dilation", 1), ("padding", 0), ("output_padding", 0)])
        must(more < max(stride, dilation))
        new.append((size - 1) * stride + dilation * (kernel - 1) + 1 + more - 2 * padding)
    must(min(new) >= 1)
    return named(kind, without(args, "out", "kernel"), channels, args["out"],
                 words({"0": args["kernel"]})), new


# ---- pooling ----

def draw_pool(r, shape):
    args = {"kernel": sizes(r, shape, [1, 2, 2, 2, 3, 3, 4])}
    if r.random() < 0.6:
        args["stride"] = sizes(r, shape, [1, 1, 2, 3])
    if r.random() < 0.4:
        args["padding"] = sizes(r, shape, [0, 1, 2])
    return {**args, **given(r, ceil_mode=[True, True, False])}


def draw_max_pool(r, shape):
    args = draw_pool(r, shape)
    return {**args, "dilation": sizes(r, shape, [1, 2])} if r.random() < 0.3 else args


def draw_avg_pool(r, shape):
    own = {"divisor_override": [3, 7, -2]} if len(shape) == 3 and r.random() < 0.3 else {}
    return {**draw_pool(r, shape), **given(r, count_include_pad=[False, True], **own)}


def text_pool(kind, args, shape):
    new = [shape[0]]
    for i, size in enumerate(shape[1:]):
        kernel, dilation, padding = (each(args.get(k, d), shape)[i] for k, d in
                                     [("kernel", 1), ("dilation", 1), ("padding", 0)])
        stride = each(args.get("stride", args["kernel"]), shape)[i]
        must(padding <= kernel // 2)
        room = size + 2 * padding - dilation * (kernel - 1) - 1
        up = stride - 1 if args.get("ceil_mode") else 0
        must(room + up >= 0)
        windows = (room + up) // stride + 1
        windows -= up > 0 and (windows - 1) * stride >= size + padding
        for o in range(windows):                        # each holds an element
            taps = range(o * stride - padding, o * stride - padding + dilation * kernel, dilation)
            must(any(0 <= t < size for t in taps))
        new.append(windows)
    return named(kind, without(args, "kernel"), words({"0": args["kernel"]})), new


def draw_adaptive(r, shape):
    size = sizes(r, shape, [1, 2, 3, 4, 5, 7])
    if isinstance(size, list) and r.random() < 0.3:
        size[r.randrange(len(size))] = None
    return {"0": size if len(shape) == 3 or not isinstance(size, list) else size[0] or 3}


def text_adaptive(kind, args, shape):
    new = [n or s for n, s in zip(each(args["0"], shape), shape[1:])]
    return named(kind, args), shape[:1] + new


# ---- what moves or repeats elements ----

def draw_pad(least, most, **more):
    def draw(r, shape):
        n = [r.randint(least, most) for _ in range(2 * len(shape) - 2)]
        return {"0": n[0] if r.random() < 0.4 else n, **{k: r.choice(v) for k, v in more.items()}}
    return draw


def text_pad(kind, args, shape):
    axes = len(shape) - 1
    n = args["0"] if isinstance(args["0"], list) else [args["0"]] * (2 * axes)
    must(len(n) == 2 * axes)
    new = [shape[0]]
    for i, size in enumerate(shape[1:]):
        low, high = n[2 * (axes - 1 - i):2 * (axes - i)]       # the last axis comes first
        must(low + size + high >= 1 and min(low, high) >= -size)
        must(not kind.startswith("Refl") or max(low, high) < size)
        new.append(low + size + high)
    return named(kind, args), new


def draw_upsample(r, shape):
    linear = ["linear", "bilinear"][len(shape) - 2]
    args = {"size": sizes(r, shape, [2, 3, 5, 6, 8])} if r.random() < 0.4 else {
        "scale_factor": sizes(r, shape, [2, 2, 1, 1.5, 1.3, 0.7, 3])}
    if r.random() < 0.7:
        args["mode"] = r.choice(["nearest", linear, linear])
    if args.get("mode") == linear:
        args.update(given(r, align_corners=[True, True, False]))
    if "size" not in args:
        args.update(given(r, recompute_scale_factor=[True, False]))
    return args


def text_upsample(kind, args, shape):
    must(args.get("mode", "nearest") in ("nearest", ["linear", "bilinear"][len(shape) - 2]))
    must("align_corners" not in args or args.get("mode", "nearest") != "nearest")
    new = each(args["size"], shape) if "size" in args else [
        math.floor(s * f) for s, f in zip(shape[1:], each(args["scale_factor"], shape))]
    must(min(new) >= 1)
    if args.get("mode", "nearest") == "nearest" and "scale_factor" in args:
        # PyTorch's forward goes by the factor and its backward by the sizes where these say 1 or 2.
        factors_of = zip(new, shape[1:], each(args["scale_factor"], shape))
        must(args.get("recompute_scale_factor")
             or all(n not in (s, 2 * s) or n == s * f for n, s, f in factors_of))
    return named(kind, args), shape[:1] + new


def draw_shuffle(r, shape):
    return {"0": r.choice([n for n in (3, 2, 2, 1) if shape[0] % (n * n) == 0][:3])}


def text_shuffle(kind, args, shape):
    n = args["0"]
    must(shape[0] % (n * n) == 0)
    return named(kind, args), [shape[0] // (n * n), shape[1] * n, shape[2] * n]


def draw_unshuffle(r, shape):
    return {"0": max(r.choice(divisors(math.gcd(*shape[1:]))) for _ in range(3))}


def text_unshuffle(kind, args, shape):
    n = args["0"]
    must(shape[1] % n == 0 and shape[2] % n == 0)
    return named(kind, args), [shape[0] * n * n, shape[1] // n, shape[2] // n]


def draw_unflatten(r, shape):
    cuts = r.choice([1, 1, 2][:4 - len(shape)])
    return {"dim": 1 + shape.index(max(shape)), "infer": r.random() < 0.3,
            **factors(r, max(shape), cuts)}


def factors(r, n, cuts):
    """`Unflatten` of an axis of n elements to 1 + cuts axes: the last follows from the others."""
    first = []
    for _ in range(cuts):
        first.append(r.choice(divisors(n)[1:-1] or divisors(n)))
        n //= first[-1]
    return {"first": first[:-1], "by": first[-1]}


# ---- norms and dropout ----

def draw_response(r, shape):
    return {"0": r.choice([1, 2, 3, 4, 5]),
            **given(r, alpha=[1e-4, 0.3, 1], beta=[0.5, 0.75, 2], k=[0.5, 2])}


def draw_instance(r, shape):
    return given(r, eps=[1e-3, 0.1], momentum=[0.3, 1.0, 0.0], affine=[True],
                 track_running_stats=[True])


def text_features(kind, args, shape):
    """A norm of channels."""
    must(kind.startswith("Batch") or math.prod(shape[1:]) > 1)
    rest = ", ".join(f"{k}={v}" for k, v in args.items())
    return f"nn.{kind}({shape[0]}{', ' * bool(rest)}{rest})", shape


def keeps(draw):
    """A layer that keeps the shape."""
    return draw, lambda kind, args, shape: (named(kind, args), shape)


def draw_dropped(r, shape):
    return given(r, p=[0.1, 0.3, 0.8, 0.0])


# ---- classes with a forward of their own ----

CLASSES = {
    "ConvResidual": "return F.relu(x + self.body(x))",
    "ConvJoin": "return torch.cat([x, self.body(x), x[:, :1]], dim=1)",
    "ConvTwice": "return self.body(F.silu(self.body(x)))",
    **{f"Functions{n}d": f"""y = F.max_pool{n}d(x, 3, stride=1, padding=1) - F.avg_pool{n}d(x, 3, 1, 1)
        y = F.leaky_relu(F.interpolate(y, scale_factor=2, mode='nearest'), 0.1)
        y = F.adaptive_avg_pool{n}d(y, x.shape[2:]) + F.pad(x, (1, 0))[..., :-1]
        gate = torch.sigmoid(F.adaptive_max_pool{n}d(x, 1).view(x.size(0), -1))
        return self.body(y) * gate.view(-1, x.size(1), {', '.join("1" * n)})""" for n in (1, 2)},
}


def draw_class(r, shape):
    return {"out": r.choice([1, 2, 4, 5, 8]), "kernel": r.choice([1, 3, 3, 5]),
            "act": r.choice(["Tanh()", "ReLU()", "Hardswish()", "Norm"])}


def text_class(kind, args, shape):
    """A body that keeps the size of the image, between convolutions."""
    n, channels, inner, kernel = len(shape) - 1, shape[0], args["out"], args["kernel"]
    must(not kind.startswith("Functions") or kind == f"Functions{n}d")
    act = f"BatchNorm{n}d({inner})" if args.get("act") == "Norm" else args.get("act", "Tanh()")
    if kind == "ConvTwice":
        act = act.replace("BatchNorm", "InstanceNorm") if math.prod(shape[1:]) > 1 else "Tanh()"
    conv = f"nn.Conv{n}d(%d, %d, {kernel}, padding={kernel // 2})"
    inside = f"{conv % (channels, inner)}, nn.{act}"
    if kind == "ConvJoin":
        return f"{kind}({inside})", [channels + inner + 1, *shape[1:]]
    return f"{kind}({inside}, {conv % (inner, channels)})", shape


# ---- the tables ----

# kind: (ranks of the samples that it takes, arguments drawn for a shape, text and new shape)
ROWS = {
    "BatchNorm1d": ((1, 2), *LAYERS["BatchNorm1d"]),
    "Unflatten": ((1, 2), draw_unflatten, LAYERS["Unflatten"][1]),
    "BatchNorm2d": ((3,), draw_batch_norm, text_features),
    "PixelShuffle": ((3,), draw_shuffle, text_shuffle),
    "PixelUnshuffle": ((3,), draw_unshuffle, text_unshuffle),
    "ZeroPad2d": ((3,), draw_pad(-1, 3), text_pad),
    "Upsample": ((2, 3), draw_upsample, text_upsample),
    "LocalResponseNorm": ((2, 3), *keeps(draw_response)),
    "Functions1d": ((2,), draw_class, text_class),
    "Functions2d": ((3,), draw_class, text_class),
    "ConvResidual": ((2, 3), draw_class, text_class),
    "ConvJoin": ((2, 3), draw_class, text_class),
    "ConvTwice": ((2, 3), draw_class, text_class),
    **{kind % n: ((n + 1,), *row) for n in (1, 2) for kind, row in {
        "Conv%dd": (draw_conv, text_conv),
        "ConvTranspose%dd": (draw_transposed, text_transposed),
        "MaxPool%dd": (draw_max_pool, text_pool),
        "AvgPool%dd": (draw_avg_pool, text_pool),
        "AdaptiveMaxPool%dd": (draw_adaptive, text_adaptive),
        "AdaptiveAvgPool%dd": (draw_adaptive, text_adaptive),
        "ConstantPad%dd": (draw_pad(-1, 3, value=[0, 0.5, -2]), text_pad),
        "ReflectionPad%dd": (draw_pad(0, 3), text_pad),
        "ReplicationPad%dd": (draw_pad(0, 3), text_pad),
        "InstanceNorm%dd": (draw_instance, text_features),
        "Dropout%dd": keeps(draw_dropped),
    }.items()},
}
KINDS = list(dict.fromkeys([*LAYERS, *ROWS]))


def text(layer, shape):
    """The layer's text where it meets this shape, and the new shape; or Unfit."""
    kind = layer["kind"]
    if kind in LAYERS:
        return LAYERS[kind][1](kind, dict(layer["args"]), list(shape))
    must(len(shape) in ROWS[kind][0])
    return ROWS[kind][2](kind, layer["args"], list(shape))


# ---- which follows which ----

@functools.lru_cache(maxsize=4)
def circuit(seed, turn):
    """Kinds in an order in which every pair of neighbours is another one: an Eulerian circuit of all
    pairs (Hierholzer 1873). Its end is the next one's beginning."""
    r = random.Random(f"images/{seed}/{turn}")
    left = {a: r.sample(KINDS, len(KINDS)) for a in KINDS}
    path, done = [KINDS[0]], []
    while path:
        if left[path[-1]]:
            path.append(left[path[-1]].pop())
        else:
            done.append(path.pop())
    return done[:-1]


def walk(seed, first, last):
    """The kinds first … last of the endless walk."""
    n = len(KINDS) ** 2
    return [circuit(seed, i // n)[i % n] for i in range(first, last + 1)]


def pairs(layers):
    """Ordered pairs of kinds of which one follows the other, in adapters' stead too."""
    out = collections.Counter(zip((l["kind"] for l in layers), (l["kind"] for l in layers[1:])))
    for a, between, b in zip(layers, layers[1:], layers[2:]):
        if between.get("adapts"):
            out[a["kind"], b["kind"]] += 1
    return out


# ---- layers for a chain of kinds ----

def lively(shape, then):
    """Does the next kind have something to do with this shape?"""
    space = shape[1:]
    if len(shape) > 1 and (max(space) < 3 or shape[0] > 16):
        return False
    if "Join" in str(then) and math.prod(shape) > LARGEST / 3:
        return False
    return {"PixelShuffle": shape[0] % 4 == 0, "PixelUnshuffle": math.gcd(*space) > 1,
            "GLU": any(s % 2 == 0 for s in shape), "GroupNorm": len(shape) > 1 or shape[0] > 2,
            "ReflectionPad1d": min(space, default=2) > 1, "ReflectionPad2d": min(space, default=2) > 1,
            "InstanceNorm1d": math.prod(space) > 1, "InstanceNorm2d": math.prod(space) > 1,
            }.get(then, True)


def put(r, kind, draw, shape, then):
    """A layer of this kind for the shape, so that the next one is worth while if possible."""
    for patience in range(40):
        one = layer(kind, **draw(r, shape))
        try:
            _, new = text(one, shape)
        except Unfit:
            continue
        if math.prod(new) <= LARGEST and len(new) <= 3 and (patience > 25 or lively(new, then)):
            return one, new
    raise Unfit


def adapter(r, shape, ranks, then):
    """A layer that gives a sample of n axes one of these ranks."""
    rank = r.choice(ranks)
    if len(shape) > rank:
        def merge(r, shape):
            start = r.randint(1, rank)
            return {"0": start, "1": start + len(shape) - rank}
        return put(r, "Flatten", merge, shape, then)

    def split(r, shape):
        at = shape.index(max(shape))
        return {"dim": at + 1, **factors(r, shape[at], rank - len(shape))}
    return put(r, "Unflatten", split, shape, then)


def draw_chain(r, kinds):
    """(shape of a sample, layers) of a model with these kinds."""
    rank = r.choice(ROWS[kinds[0]][0] if kinds[0] in ROWS else (1, 2, 2, 3, 3, 3))
    shape = [r.choice(CHANNELS)] + [r.randint(3, 22 if rank == 2 else 9) for _ in range(rank - 1)]
    must(math.prod(shape) <= LARGEST)
    given, layers = list(shape), []
    for kind, then in itertools.zip_longest(kinds, kinds[1:]):
        ranks, draw = ROWS[kind][:2] if kind in ROWS else ((1, 2, 3), LAYERS[kind][0])
        if len(shape) not in ranks:
            one, shape = adapter(r, shape, ranks, kind)
            layers.append({**one, "adapts": True})
        one, shape = put(r, kind, draw, shape, then)
        layers.append(one)
    return given, layers
