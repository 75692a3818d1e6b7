"""Random models as plain data, their model files, and simpler ones beside one.

A model is a dict of numbers, words and lists, so that it can be printed, stored and simplified:
    input      shape of one sample           capacity, n1, n2   largest batch, and the two that run
    layers     [{"kind", "args", "freeze": [parameter], "group": {parameter: index}}, …]
    nest       [first, last] of the layers that stand in a Sequential of their own, or null
    loss       {"kind", "args"}              optimizer  {"kind", "args", "groups": [{…}, …]}
    clip       {"clip_grad_norm": x, …}      dtype, off, data: see make()
A layer's arguments do not know the shape that it meets, so that layers can be left out: `text`
fits them to it, or raises Unfit.

Not here: schedules and initial draws, which have fixtures.
"""
import copy
import random

import images
import layers
from images import text
from layers import LAYERS, Unfit, call, layer, real, some

CLASSES = {**layers.CLASSES, **images.CLASSES}
# Layers with a weight and a bias, as far as their arguments do not forbid it.
PARAMETERS = {"Linear", "PReLU", "BatchNorm1d", "LayerNorm", "GroupNorm", "BatchNorm2d", "Conv1d",
              "Conv2d", "ConvTranspose1d", "ConvTranspose2d", "InstanceNorm1d", "InstanceNorm2d"}
OFTEN = ["Linear"] * 14 + ["Residual", "Join", "Twice", "BatchNorm1d", "LayerNorm", "GroupNorm",
                           "PReLU", "ReLU"]
EDGES = 11          # of the walk through pairs of kinds in a model of images


# ---- losses: NAME -> (last layers, arguments, target) ----

def vector(r, n, low, high):
    return f"torch.tensor({[round(r.uniform(low, high), 3) for _ in range(n)]})"


def sums(r):
    return {"reduction": repr(r.choice(["mean", "sum"]))} if r.random() < 0.4 else {}


def class_args(r, n, smooth):
    args = {"weight": vector(r, n, 0.1, 2)} if r.random() < 0.4 else {}
    if r.random() < 0.3:
        args["ignore_index"] = str(r.choice([-100, 0, n - 1, -1]))
    if smooth and r.random() < 0.4:
        args["label_smoothing"] = str(real(r, 0, 1))
    return {**args, **sums(r)}


def weighted(r, n, *names):
    return {name: vector(r, n, 0.1, 3) for name in names if r.random() < 0.4}


LOSSES = {
    # name: (layers to end with, arguments for n outputs in the last axis, kind of target)
    "CrossEntropyLoss": ([], lambda r, n: class_args(r, n, True), "class or shares"),
    "NLLLoss": (["LogSoftmax"], lambda r, n: class_args(r, n, False), "class"),
    "MSELoss": ([], lambda r, n: sums(r), "any"),
    "L1Loss": ([], lambda r, n: sums(r), "any"),
    "SmoothL1Loss": ([], lambda r, n: {**sums(r), **some(r, beta=[0, 0.3, 2.5])}, "any"),
    "HuberLoss": ([], lambda r, n: {**sums(r), **some(r, delta=[0.3, 2.5])}, "any"),
    "BCELoss": (["Sigmoid"], lambda r, n: {**weighted(r, n, "weight"), **sums(r)}, "share"),
    "BCEWithLogitsLoss": ([], lambda r, n: {**weighted(r, n, "weight", "pos_weight"), **sums(r)},
                          "share"),
    "KLDivLoss": (["LogSoftmax"], lambda r, n: {
        "reduction": repr(r.choice(["batchmean", "mean", "sum"])),
        **some(r, log_target=[True, False])}, "kl"),
    "PoissonNLLLoss": ([], lambda r, n: {
        **sums(r), **some(r, full=[True, False], eps=[1e-8, 1e-3]),
        **({"log_input": "False"} if r.random() < 0.4 else {})}, "count"),
    "HingeEmbeddingLoss": ([], lambda r, n: {**sums(r), **some(r, margin=[0.5, 2.0])}, "sign"),
    "SoftMarginLoss": ([], lambda r, n: sums(r), "sign"),
    "MultiMarginLoss": ([], lambda r, n: {**sums(r), **some(r, p=[1, 2], margin=[0.4, 1.6]),
                                          **weighted(r, n, "weight")}, "class"),
}
ROWS = {"CrossEntropyLoss", "NLLLoss", "MultiMarginLoss"}      # of [n, classes] alone


def ending(r, loss, args, shape):
    """Layers that make of `shape` what the loss wants."""
    layers = []
    if loss in ROWS:
        if len(shape) > 1:
            layers.append(layer("Flatten"))
        layers.append(layer("Linear", out=r.choice([2, 3, 4, 5, 7, 10, 19])))
    for kind in LOSSES[loss][0]:
        layers.append(layer(kind, **({"dim": 1} if kind == "LogSoftmax" else {})))
    if args.get("log_input") == "False":
        layers.append(layer(r.choice(["Softplus", "Sigmoid"])))
    return layers


# ---- optimizers ----

def draw_optimizer(r):
    kind = r.choice(["SGD", "SGD", "Adam", "AdamW", "NAdam", "RMSprop", "Adagrad", "Adadelta"])
    decay = {"weight_decay": [0, 0.01, 0.3]}
    betas = {"betas": [(0.8, 0.95), (0.5, 0.9), (0.9, 0.999)], "eps": [1e-8, 1e-6, 1e-3]}
    args = {"lr": str(r.choice([0.001, 0.01, 0.05, 0.3]))}
    if kind == "SGD":
        args.update(some(r, momentum=[0.9, 0.4], maximize=[True], **decay))
        if "momentum" in args:
            args.update(some(r, dampening=[0.3]) or some(r, nesterov=[True]))
    elif kind in ("Adam", "AdamW"):
        own = {"decoupled_weight_decay": [True, False]} if kind == "Adam" else {}
        args.update(some(r, amsgrad=[True], maximize=[True], **betas, **decay, **own))
    elif kind == "NAdam":
        args.update(some(r, momentum_decay=[0.004, 0.1], maximize=[True],
                         decoupled_weight_decay=[True, False], **betas, **decay))
    elif kind == "RMSprop":
        args.update(some(r, alpha=[0.5, 0.9], eps=[1e-6, 1e-3], momentum=[0.5], centered=[True],
                         maximize=[True], **decay))
    elif kind == "Adagrad":
        args.update(some(r, lr_decay=[0.1], initial_accumulator_value=[0.2], eps=[1e-6],
                         maximize=[True], **decay))
    else:
        args.update(some(r, rho=[0.5, 0.95], eps=[1e-6, 1e-3], maximize=[True], **decay))
    groups = []
    if r.random() < 0.25:
        for _ in range(r.randint(2, 3)):
            own = some(r, lr=[0.002, 0.1], weight_decay=[0.0, 0.2])
            if kind == "SGD" and "nesterov" not in args:
                own.update(some(r, momentum=[0.0, 0.7]))
            groups.append(own)
    return {"kind": kind, "args": args, "groups": groups}


# ---- a whole model ----

OFF = ["shape", "simplify", "tidy", "layout", "fuse", "schedule", "plan"]


def draw_connected(r, shape):
    """Layers of a fully connected model."""
    out, given = [], list(shape)
    for _ in range(r.choice([1, 2, 3, 4, 5, 6, 8])):
        kind = r.choice(OFTEN if r.random() < 0.5 else list(LAYERS))
        one = layer(kind, **LAYERS[kind][0](r, shape))
        try:
            _, shape = text(one, shape)
        except Unfit:
            continue
        out.append(one)
    if not any(l["kind"] in PARAMETERS for l in out):
        out.insert(0, layer("Linear", out=r.choice([3, 6, 16])))
        out = [l for l in out if l["kind"] not in ("GLU", "Unflatten", "GroupNorm")]
        out = [l for l in out if l["kind"] != "PReLU" or not l["args"].get("each")]
    return given, out


def draw(seed, index, attempt, of_images=False):
    """Model `index` of a run, or Unfit: then the next attempt counts. Its weights and inputs follow
    from "data" and its text."""
    r = random.Random(f"{'images ' * of_images}{seed}/{index}/{attempt}")
    shape = [r.choice([1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 20, 31, 64])]
    if r.random() < 0.35:
        shape = [r.choice([1, 2, 3, 4, 5, 6, 8]) for _ in range(r.choice([2, 2, 3]))]
    m = {"input": shape, "data": r.randrange(10 ** 9),
         "dtype": "f64" if r.random() < 0.25 else "f32", "off": OFF[index % len(OFF)]}
    loss = r.choice(list(LOSSES))
    if of_images:
        m["brief"] = True
        kinds = images.walk(seed, index * EDGES, (index + 1) * EDGES)
        m["input"], m["layers"] = images.draw_chain(r, kinds)
        if not any(has(l, "weight") for l in m["layers"]):
            m["layers"].insert(0, layer("Linear", out=m["input"][-1]))
    else:
        m["input"], m["layers"] = draw_connected(r, shape)
    shape = shapes(m)[-1]
    wants = dict(LOSSES[loss][1](r, 1))
    end = ending(r, loss, wants, shape)
    m["layers"] += end
    shape = shapes(m)[-1]
    args = LOSSES[loss][1](r, shape[-1])
    args.pop("log_input", None)                 # settled with the layers that it asks for
    args.update({k: v for k, v in wants.items() if k == "log_input"})
    m["loss"] = {"kind": loss, "args": args}
    m["target"] = LOSSES[loss][2]
    if m["target"] == "class or shares":
        m["target"] = "class" if "ignore_index" in args else r.choice(["class", "shares"])
    if m["target"] == "kl":
        m["target"] = "log shares" if args.get("log_target") == "True" else "shares"
    m["optimizer"] = draw_optimizer(r)
    m["clip"] = {}
    if r.random() < 0.2:
        m["clip"]["clip_grad_norm"] = real(r, 0.1, 2)
    if r.random() < 0.15:
        m["clip"]["clip_grad_value"] = real(r, 0.05, 1)
    owners = [l for l in m["layers"] if l["kind"] in PARAMETERS]
    for l in owners[:-1]:
        if r.random() < 0.1:
            l["freeze"] = r.choice([["weight"], ["bias"], ["weight", "bias"]])
    for l in owners:
        if m["optimizer"]["groups"]:
            l["group"] = {p: r.randrange(len(m["optimizer"]["groups"])) for p in ("weight", "bias")}
    m["nest"] = None
    if r.random() < 0.2:
        first = r.randrange(len(m["layers"]))
        m["nest"] = [first, r.randrange(first, len(m["layers"]))]
    large = [64, 100] * (r.random() < 0.3)
    batches = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 31] + large
    m["capacity"] = r.choice(batches[:8] if of_images else batches)
    least = 2 if any("BatchNorm" in text(l, s)[0] for l, s in zip(m["layers"], shapes(m))) else 1
    m["capacity"] = max(m["capacity"], least)
    m["n1"] = m["capacity"] if r.random() < 0.7 else r.randint(least, m["capacity"])
    m["n2"] = r.randint(least, m["capacity"])
    m["scale"] = r.choice([1, 1, 1, 1, 0.1, 5])
    return m


def shapes(m):
    """The sample's shape before and after each layer; Unfit if one does not fit."""
    all_shapes = [list(m["input"])]
    for l in m["layers"]:
        all_shapes.append(text(l, all_shapes[-1])[1])
    return all_shapes


def paths(m):
    """Each layer as Python reaches it: model[1][0]."""
    if not m["nest"]:
        return [f"model[{i}]" for i in range(len(m["layers"]))]
    first, last = m["nest"]
    inside = last - first
    return [f"model[{i}]" if i < first else f"model[{first}][{i - first}]" if i <= last
            else f"model[{i - inside}]" for i in range(len(m["layers"]))]


def has(l, parameter):
    """Does the layer have this parameter?"""
    if l["kind"] == "Linear":
        return parameter == "weight" or l["args"].get("bias") != "False"
    if l["kind"] == "PReLU":
        return parameter == "weight"
    own = l["args"].get("affine", l["args"].get("elementwise_affine"))
    affine = str(own if own is not None else not l["kind"].startswith("Instance"))
    if l["kind"] not in PARAMETERS or affine == "False":
        return False
    return parameter == "weight" or str(l["args"].get("bias")) != "False"


def optimizer_text(m):
    o = m["optimizer"]
    owned = [(l, p, f"{path}.{p}") for l, path in zip(m["layers"], paths(m))
             for p in ("weight", "bias") if has(l, p)]
    first = "model.parameters()"
    if o["groups"]:
        groups = []
        for i, own in enumerate(o["groups"]):
            names = [name for l, p, name in owned if l["group"].get(p, 0) == i]
            if i == 0:
                names += [f"*{path}.parameters()" for l, path in zip(m["layers"], paths(m))
                          if l["kind"] in CLASSES]
            settings = "".join(f", {k!r}: {v}" for k, v in own.items())
            if names:
                groups.append(f"{{'params': [{', '.join(names)}]{settings}}}")
        first = "[\n    " + ",\n    ".join(groups) + "]"
    return call("optim." + o["kind"], {"0": first, **o["args"]})


def class_text(name):
    return (f"class {name}(nn.Module):\n    def __init__(self, *layers):\n"
            f"        super().__init__()\n        self.body = nn.Sequential(*layers)\n\n"
            f"    def forward(self, x):\n"
            f"        {CLASSES[name]}\n\n\n")


def source(m):
    """The model file. Raises Unfit if there is none."""
    texts, shape = [], list(m["input"])
    for l in m["layers"]:
        one, shape = text(l, shape)
        texts.append(one)
    frozen = [f"{path}.{p}.requires_grad = False\n" for l, path in zip(m["layers"], paths(m))
              for p in l["freeze"] if has(l, p)]
    if not any(has(l, p) and p not in l["freeze"] for l in m["layers"] for p in ("weight", "bias")):
        raise Unfit
    body = ""
    for i, one in enumerate(texts):
        inner = m["nest"] and m["nest"][0] <= i <= m["nest"][1]
        if inner and i == m["nest"][0]:
            body += "    nn.Sequential(\n"
        body += f"    {'    ' if inner else ''}{one},\n"
        if inner and i == m["nest"][1]:
            body += "    ),\n"
    clip = "".join(f"{k} = {v}\n" for k, v in m["clip"].items())
    classes = sorted({l["kind"] for l in m["layers"]} & set(CLASSES))
    functions = "import torch.nn.functional as F\n" * any("F." in CLASSES[c] for c in classes)
    return (f"import torch\n{functions}from torch import nn, optim\n\n" +
            "".join(map(class_text, classes)) +
            f"torch.manual_seed({m['data']})\nbatch_size = {m['capacity']}\n"
            f"input_shape = {tuple(m['input'])}\n{clip}\n"
            f"model = nn.Sequential(\n{body})\n{''.join(frozen)}"
            f"criterion = {call('nn.' + m['loss']['kind'], m['loss']['args'])}\n"
            f"optimizer = {optimizer_text(m)}\n")


# ---- simpler models ----

def simpler(m):
    """Models that have less than m, the boldest first. Some do not fit; the caller tries."""
    def but(change):
        other = copy.deepcopy(m)
        change(other)
        return other

    def drop(first, last):
        def change(o):
            del o["layers"][first:last]
            o["nest"] = None
        return change

    n = len(m["layers"])
    size = n // 2
    while size > 1:
        for first in range(0, n - size + 1, size):
            yield but(drop(first, first + size))
        size //= 2
    for i in range(n):
        yield but(drop(i, i + 1))
    plain_loss = {"kind": "MSELoss", "args": {}}
    if m["loss"] != plain_loss:
        yield but(lambda o: o.update(loss=plain_loss, target="any"))
    plain_optimizer = {"kind": "SGD", "args": {"lr": "0.1"}, "groups": []}
    if m["optimizer"] != plain_optimizer:
        yield but(lambda o: o.update(optimizer=plain_optimizer))
    for key in ("loss", "optimizer"):
        for k in m[key]["args"]:
            if k not in ("lr", "log_input", "log_target"):
                yield but(lambda o, key=key, k=k: o[key]["args"].pop(k))
    if m["optimizer"]["groups"]:
        yield but(lambda o: o["optimizer"].update(groups=[]))
    if m["clip"]:
        yield but(lambda o: o.update(clip={}))
    if m["nest"]:
        yield but(lambda o: o.update(nest=None))
    for i, l in enumerate(m["layers"]):
        if l["freeze"]:
            yield but(lambda o, i=i: o["layers"][i].update(freeze=[]))
        for k, v in l["args"].items():
            if k not in ("out", "kernel", "dim", "axes", "by", "0", "1"):
                yield but(lambda o, i=i, k=k: o["layers"][i]["args"].pop(k))
            elif k in ("out", "kernel") and isinstance(v, int):
                for less in {1, 2, v // 2} - {0, v}:
                    if less < v:
                        yield but(lambda o, i=i, k=k, s=less: o["layers"][i]["args"].update({k: s}))
            elif k == "kernel":
                yield but(lambda o, i=i, v=v: o["layers"][i]["args"].update(kernel=min(v)))
    for i, v in enumerate(m["input"]):
        for smaller in sorted({1, 2, v // 2} - {0}):
            if smaller < v:
                yield but(lambda o, i=i, s=smaller: o["input"].__setitem__(i, s))
    if len(m["input"]) > 1:
        yield but(lambda o: o.update(input=o["input"][1:]))
    for n1 in (1, 2, m["n1"] // 2):
        if 0 < n1 < m["capacity"]:
            yield but(lambda o, n1=n1: o.update(capacity=n1, n1=n1, n2=n1))
    if m["scale"] != 1:
        yield but(lambda o: o.update(scale=1))
