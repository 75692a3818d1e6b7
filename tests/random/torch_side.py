"""What PyTorch says about one model: values, gradients, two steps, in float64 or as float32.

Random layers take the numbers that seqc's programs draw (Philox4x32-10 by seed, stream and step;
streams are named by the layer's path), so that dropout and RReLU are compared in training too.
"""
import sys
import warnings
from os.path import abspath, dirname, join

import numpy as np
import torch

sys.path.insert(0, join(dirname(dirname(abspath(__file__))), "pytorch"))
import common  # noqa: F401  (makes PyTorch 1 mean what PyTorch 2 does)

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
MASK = np.uint64(0xFFFFFFFF)


def uniform(seed, stream, step, count):
    """Elements 0 … count-1 of a stream. Salmon, Moraes, Dror, Shaw, SC 2011."""
    word = 0x811C9DC5
    for byte in stream.encode():
        word = (word ^ byte) * 0x01000193 & 0xFFFFFFFF
    block = np.arange((count + 3) // 4, dtype=np.uint64)
    c = [block & MASK, block >> np.uint64(32),
         np.full_like(block, step & 0xFFFFFFFF), np.full_like(block, step >> 32)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32 ^ word
    for _ in range(10):
        p, q = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(q >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), q & MASK,
             (p >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), p & MASK]
        k0, k1 = k0 + 0x9E3779B9 & 0xFFFFFFFF, k1 + 0xBB67AE85 & 0xFFFFFFFF
    return (np.stack(c, 1).reshape(-1)[:count] >> np.uint64(8)).astype(np.float64) / 2 ** 24


def own_numbers(net, seed, clock):
    """Lets the random layers of `net` draw as ours do; clock[0] is the step. And makes two layers
    exact that are not."""
    def drawn(path, x):
        u = uniform(seed, f"{path}#0", clock[0], x.numel())
        return torch.from_numpy(u).to(x.dtype).reshape(x.shape)

    def channel_dropout(layer, path, x):
        of_channels = x[(...,) + (slice(1),) * (x.dim() - 2)]
        return x * (drawn(path, of_channels) >= layer.p) / (1 - layer.p)

    def dropout(layer, path, x):
        return x * (drawn(path, x) >= layer.p) / (1 - layer.p)

    def alpha_dropout(layer, path, x):
        far = -1.7580993408473766          # SELU at minus infinity
        a = ((far ** 2 * layer.p + 1) * (1 - layer.p)) ** -0.5
        kept = drawn(path, x) >= layer.p
        return torch.where(kept, x, torch.full_like(x, far)) * a - a * far * layer.p

    def rrelu(layer, path, x):
        slope = layer.lower + drawn(path, x) * (layer.upper - layer.lower)
        return torch.where(x <= 0, x * slope, x)

    # By their definitions: PyTorch's own have 1/6 and 1/alpha as floats, in float64 too.
    def hardsigmoid(layer, path, x):
        return torch.nn.functional.relu6(x + 3) / 6

    def celu(layer, path, x):
        return torch.where(x > 0, x, layer.alpha * torch.expm1(x.clamp(max=0) / layer.alpha))

    always = {"Hardsigmoid": hardsigmoid, "CELU": celu}
    in_training = {"Dropout": dropout, "AlphaDropout": alpha_dropout, "RReLU": rrelu,
                   "Dropout1d": channel_dropout, "Dropout2d": channel_dropout}
    for path, layer in net.named_modules():
        kind = type(layer).__name__
        rule = always.get(kind) or in_training.get(kind)
        if rule:
            plain = layer.forward
            layer.forward = lambda x, layer=layer, path=path, rule=rule, plain=plain, kind=kind: (
                rule(layer, path, x) if layer.training or kind in always else plain(x))


INSTANCE_NORMS = torch.nn.InstanceNorm1d, torch.nn.InstanceNorm2d
NORMS = (torch.nn.LayerNorm, torch.nn.GroupNorm, torch.nn.BatchNorm1d, torch.nn.BatchNorm2d,
         *INSTANCE_NORMS)


def rounded_norms(net, jitter):
    """Lets norms err as their arithmetic may. A mean is rounded, so what is normalised moves by a
    unit in the last place of its inputs over their deviation, also where they are equal and it is
    exactly 0; all that share a mean of n values move together by up to sqrt(n) units, as far as a
    sum of n rounds (Higham and Mary, A new approach to probabilistic rounding error analysis, 2019).
    So does the inputs' gradient, by units of the gradient that comes. A change of the inputs would
    not show it: what all of them share cancels. The variance that is kept is that of the inputs
    moved so from their mean: of equal ones not 0, but the square of that."""
    def noise(layer, x, values):
        """A unit in the last place of the largest of `values` that share a mean; and what that
        becomes, over the deviation of x there."""
        view, axes = list(x.shape), [0, *range(2, x.dim())]
        if isinstance(layer, torch.nn.LayerNorm):
            axes = range(-len(layer.normalized_shape), 0)
        elif isinstance(layer, torch.nn.GroupNorm):
            view, axes = [len(x), layer.num_groups, -1], [2]
        elif isinstance(layer, INSTANCE_NORMS):
            axes = range(2, x.dim())
        axes = list(axes)
        eps = torch.finfo(x.dtype).eps
        variance = x.detach().reshape(view).var(axes, unbiased=False, keepdim=True)
        largest = values.detach().reshape(view).abs().amax(axes, keepdim=True)
        terms = x.numel() / largest.numel()

        def moved(shape, most):
            return torch.from_numpy(np.asarray(jitter.uniform(-most, most, shape))).to(x.dtype)

        units = moved(x.shape, eps).reshape(view) + moved(largest.shape, eps * terms ** 0.5)
        by = units * largest
        return by, axes, (by * (variance + layer.eps) ** -0.5).reshape(x.shape)

    def move_variance(layer, x, by, axes):
        off = x - x.mean(axes, keepdim=True)
        change = ((off + by) ** 2 - off ** 2).sum(axes)
        change = change / max(x.numel() / change.numel() - 1, 1)
        if isinstance(layer, INSTANCE_NORMS):
            change = change.mean(0)
        momentum = layer.momentum
        if momentum is None:
            momentum = 1 / layer.num_batches_tracked.item()
        layer.running_var.data += momentum * change

    def forward(layer, plain, x):
        if not layer.training and getattr(layer, "running_mean", None) is not None:
            return plain(x)                     # by statistics that are given
        x, came = x + 0, []
        weight, bias = layer.weight, layer.bias
        layer.weight = layer.bias = None        # an affine norm's weight sees the noise, too
        by, axes, moved = noise(layer, x, x)
        y = plain(x) + moved
        if layer.training and getattr(layer, "running_var", None) is not None:
            move_variance(layer, x.detach(), by, axes)
        layer.weight, layer.bias = weight, bias
        if x.requires_grad:
            y.register_hook(came.append)
            x.register_hook(lambda d: d + noise(layer, x, came.pop())[-1])
        inner = [1] * (x.dim() - 2) if not isinstance(layer, torch.nn.LayerNorm) else []
        for p, rule in ((weight, torch.mul), (bias, torch.add)):
            y = y if p is None else rule(y, p.reshape(*p.shape, *inner))
        return y

    for layer in net.modules():
        if isinstance(layer, NORMS):
            layer.forward = lambda x, layer=layer, plain=layer.forward: forward(layer, plain, x)


def rounded_gradients(net, jitter):
    """Moves the gradient of every layer's output by a unit in the last place of each element: what a
    parameter gets is a sum of these, which may cancel."""
    def moved(d):
        by = jitter.uniform(-1, 1, d.shape) * torch.finfo(d.dtype).eps
        return d * (1 + torch.from_numpy(np.asarray(by))).to(d.dtype)

    def hook(layer, given, y):
        if y.requires_grad:
            y.register_hook(moved)

    for layer in net.modules():
        if isinstance(layer, torch.nn.LogSoftmax):
            layer.forward = lambda x, layer=layer: LogSoftmax.apply(x, layer.dim, jitter)
        if not list(layer.children()):
            layer.register_forward_hook(hook)


class LogSoftmax(torch.autograd.Function):
    """Whose result is moved before its own derivative, d - exp(y) sum(d), uses it: all of a row by
    the last place of its largest element, for they share the logarithm of a sum."""

    @staticmethod
    def forward(ctx, x, dim, jitter):
        y = torch.log_softmax(x, dim)
        largest = y.abs().amax(dim, keepdim=True)
        by = torch.from_numpy(jitter.uniform(-1, 1, largest.shape)).to(x.dtype)
        y = y + by * (largest + x.shape[dim] ** 0.5) * torch.finfo(x.dtype).eps
        ctx.save_for_backward(y)
        ctx.dim = dim
        return y

    @staticmethod
    def backward(ctx, d):
        y, = ctx.saved_tensors
        return d - y.exp() * d.sum(ctx.dim, keepdim=True), None, None


class Bce(torch.autograd.Function):
    """Binary cross entropy of elements as PyTorch documents it; its own has 1e-12 as a float."""

    @staticmethod
    def forward(ctx, x, t):
        ctx.save_for_backward(x, t)
        return (t - 1) * torch.log1p(-x).clamp(min=-100) - t * x.log().clamp(min=-100)

    @staticmethod
    def backward(ctx, d):
        x, t = ctx.saved_tensors
        return d * (x - t) / ((1 - x) * x).clamp(min=1e-12), None


def exact_loss(criterion):
    def forward(x, t):
        e = Bce.apply(x, t)
        e = e if criterion.weight is None else e * criterion.weight
        return e.sum() if criterion.reduction == "sum" else e.mean()

    if type(criterion) is torch.nn.BCELoss:
        criterion.forward = forward


def targets(r, m, shape, n, classes):
    """Targets of n samples, exact in float32; shape: a sample's output."""
    size = (n, *shape)
    kind = m["target"]
    if kind == "class":
        t = r.randint(0, classes, n)
        ignored = m["loss"]["args"].get("ignore_index")
        if ignored is not None:
            t[r.rand(n) < 0.3] = int(ignored)
            if (t == int(ignored)).all():           # a mean over nothing is NaN
                t[0] = 1 if int(ignored) != 1 else 0
        return t.astype(np.int64)
    if kind in ("shares", "log shares"):
        e = np.exp(r.randn(*size))
        e = (e / e.sum(1, keepdims=True)).astype(np.float32)
        if kind == "shares" and r.rand() < 0.5:
            e[0] = 0
            e[0].reshape(-1)[0] = 1
        return np.log(e) if kind == "log shares" else e
    if kind == "share":
        return r.rand(*size).astype(np.float32)
    if kind == "count":
        return r.poisson(2.0, size).astype(np.float32)
    if kind == "sign":
        return (r.randint(0, 2, size) * 2 - 1).astype(np.float32)
    return r.randn(*size).astype(np.float32)


def data(m, text, output):
    """Weights and two batches of model m, all exact in float32. output: a sample's output shape."""
    r = np.random.RandomState(m["data"] % 2 ** 32)
    scope = {"__name__": "model"}
    exec(text, scope)
    net, out = scope["model"], {}
    kinds = {path: type(layer).__name__ for path, layer in net.named_modules()}
    for key, value in net.state_dict().items():
        path, _, name = key.rpartition(".")
        size = tuple(value.shape)
        if not value.is_floating_point():
            out["w." + key] = np.full(size, 3, np.int64)
            continue
        if name in ("bias", "running_mean"):
            v = 0.5 * r.randn(*size)
        elif kinds[path] == "Linear" or kinds[path].startswith("Conv"):
            v = r.randn(*size) / np.prod(size[1:]) ** 0.5
        elif kinds[path] == "PReLU":
            v = r.uniform(-0.4, 0.6, size)
        else:
            v = r.uniform(0.5, 1.5, size)
        out["w." + key] = np.asarray(v, np.float32)
    for i in (1, 2):
        n = m[f"n{i}"]
        out[f"x{i}"] = (m["scale"] * r.randn(n, *m["input"])).astype(np.float32)
        out[f"t{i}"] = targets(r, m, output, n, output[0])
    return out


def backward(net, criterion, x, t, prefix, out):
    x = x.clone().requires_grad_()
    net.zero_grad()
    y = net(x)
    loss = criterion(y, t)
    loss.backward()
    out[prefix + ".output"], out[prefix + ".loss"] = y, loss
    out[prefix + ".d_input"] = x.grad
    out.update({f"{prefix}.d_{k}": p.grad.clone() for k, p in net.named_parameters()
                if p.grad is not None})


def reference(m, text, given, dtype=torch.float64, jitter=None):
    """Results by the driver's names. jitter: moves weights, inputs, what norms make, the gradients
    of what layers give, and those of parameters before a step by about one unit in the last place,
    by this RandomState; the last by one of the net's largest, for they are sums that may cancel."""
    def tensor(a):
        if a.dtype == np.int64:
            return torch.from_numpy(a)
        a = a.astype(np.float64)
        if jitter is not None:
            a = a * (1 + jitter.uniform(-1, 1, a.shape) * torch.finfo(dtype).eps)
        return torch.from_numpy(np.asarray(a)).to(dtype)

    scope, clock, out = {"__name__": "model"}, [1], {}
    torch.set_default_dtype(torch.float32)      # of torch.tensor([0.1]) in the file
    exec(text, scope)
    net, criterion = scope["model"].to(dtype), scope["criterion"].to(dtype)
    optimizer = scope["optimizer"]
    for group in optimizer.param_groups:        # Adagrad makes its sums at once, in float32
        for p in group["params"]:
            if "sum" in optimizer.state[p]:
                optimizer.state[p]["sum"] = torch.full_like(p, group["initial_accumulator_value"])
    own_numbers(net, m["data"], clock)
    exact_loss(criterion)
    if jitter is not None:
        rounded_norms(net, jitter)
        rounded_gradients(net, jitter)
    weights = {k[2:]: tensor(v) for k, v in given.items() if k.startswith("w.")}
    x, t = [tensor(given[f"x{i}"]) for i in (1, 2)], [tensor(given[f"t{i}"]) for i in (1, 2)]
    net.load_state_dict(weights)
    net.eval()
    with torch.no_grad():
        out["infer.output"] = net(x[0])
        out["eval.loss"] = criterion(out["infer.output"], t[0])
    backward(net, criterion, x[0], t[0], "grad_eval", out)
    net.train()
    backward(net, criterion, x[0], t[0], "grad", out)
    net.load_state_dict(weights)
    torch.set_default_dtype(dtype)              # of the product that NAdam keeps
    for i in range(2):
        clock[0] = i + 1
        optimizer.zero_grad()
        loss = criterion(net(x[i]), t[i])
        loss.backward()
        if jitter is not None:
            grads = [p.grad for p in net.parameters() if p.grad is not None]
            unit = torch.finfo(dtype).eps * max(g.abs().max() for g in grads)
            for g in grads:
                g += unit * torch.from_numpy(np.asarray(jitter.uniform(-1, 1, g.shape))).to(dtype)
        if "clip_grad_norm" in scope:
            torch.nn.utils.clip_grad_norm_(net.parameters(), scope["clip_grad_norm"])
        if "clip_grad_value" in scope:
            torch.nn.utils.clip_grad_value_(net.parameters(), scope["clip_grad_value"])
        optimizer.step()
        out[f"step{i + 1}.loss"] = loss
    out.update({"after." + k: v for k, v in net.state_dict().items()})
    return {k: v.detach().numpy().astype(np.float64) for k, v in out.items()}
