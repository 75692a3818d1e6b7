"""Models with functions in C under PyTorch, by frontend/python/seqc: what that computes of the models
own_* of tests/fixtures/models, in float64, against their fixtures, which know nothing of C.

    python3 tests/pytorch/own.py      # needs PyTorch, and seqc ($SEQC) where nothing was kept
"""
import glob
import os
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(TESTS), "frontend", "python"))
import torch
from common import load_safetensors
import seqc

failed = 0


def compare(what, got, want):
    global failed
    got, want = got.detach().double(), torch.as_tensor(want).double()
    error = (got - want).abs().max().item()
    if not error <= 1e-6 * max(1e-3, want.abs().max().item()):
        failed += 1
        print(f"not ok {what}: differs by {error:.3g}")


def check(path):
    name = os.path.basename(path)[:-3]
    fixture = load_safetensors(path[:-3] + ".safetensors")
    scope = {"__file__": path}
    with open(path) as file:
        exec(compile(file.read(), path, "exec"), scope)
    net, criterion, optimizer = scope["model"].double(), scope["criterion"], scope["optimizer"]
    weights = {k[2:]: torch.tensor(v).double() for k, v in fixture.items() if k.startswith("w.")}
    net.load_state_dict(weights)             # the keys are the same
    x = torch.tensor(fixture["x"]).double().requires_grad_()
    y = net(x)
    compare(f"{name}: output", y, fixture["output"])
    loss = criterion(y, torch.tensor(fixture["target"]).double())
    loss.backward()
    compare(f"{name}: loss", loss, fixture["loss"])
    compare(f"{name}: d_input", x.grad, fixture["d_input"])
    for key, p in net.named_parameters():
        compare(f"{name}: d {key}", p.grad, fixture["d." + key])
    rows_x, rows_y = (torch.tensor(fixture[k]).double() for k in ("data_x", "data_y"))
    for _ in range(2):
        for i in range(0, len(rows_x), 4):
            optimizer.zero_grad()
            criterion(net(rows_x[i:i + 4]), rows_y[i:i + 4]).backward()
            optimizer.step()
    for key, p in net.state_dict().items():
        compare(f"{name}: {key} after the steps", p, fixture["after." + key])


def refuses(what, text, call):
    global failed
    try:
        call()
    except (TypeError, ValueError, KeyError, FileNotFoundError) as error:
        if text in str(error):
            return
        what = f"{what}: says {error}"
    failed += 1
    print(f"not ok {what}")


torch.manual_seed(1)
models = sorted(glob.glob(os.path.join(TESTS, "fixtures", "models", "own_*.py")))
for path in models:
    check(path)
__file__ = os.path.join(TESTS, "fixtures", "models", "model.py")     # paths are relative to it
swish = seqc.c_op("own/ops.c", "swish", beta=2.0).double()
x = torch.randn(20, dtype=torch.float64, requires_grad=True)
assert torch.autograd.gradcheck(swish, x) and torch.autograd.gradgradcheck(swish, x)
far = torch.tensor([-1e4, 1e4], requires_grad=True)
seqc.c_op("own/ops.c", "mish")(far).sum().backward()
compare("derivatives far out", far.grad, [0.0, 1.0])
x = torch.linspace(-30, -1, 400, dtype=torch.float64)      # every digit, however small it is
tail = seqc.c_op("own/ops.c", "gelu_erfc")(x) / (0.5 * x * torch.special.erfc(-x * 0.5 ** 0.5))
compare("erfc far out", tail, torch.ones(400))
refuses("an unknown function", "has no function", lambda: seqc.c_op("own/ops.c", "swsh"))
refuses("an unknown parameter", "no parameter `betta`", lambda: seqc.c_op("own/ops.c", "swish", betta=1))
refuses("an unknown file", "cannot read", lambda: seqc.c_op("own/nothing.c", "swish"))
refuses("a string", "must be a number", lambda: seqc.c_op("own/ops.c", "swish", beta="1"))
refuses("no tensor left", "none is left", lambda: seqc.c_op("own/ops.c", "mish", x=1.0))
refuses("two tensors", "takes 1 tensor", lambda: swish(x, x))
refuses("a loss of one", "leaves 1", lambda: seqc.c_loss("own/ops.c", "mish"))
refuses("a number that is missing", "missing `delta`", lambda: seqc.c_loss("own/ops.c", "huber"))
refuses("a reduction", "'mean' or 'sum'", lambda: seqc.c_loss("own/ops.c", "log_cosh", reduction="none"))
refuses("a rule's number", "missing `decay`", lambda: seqc.c_optimizer(
    "own/ops.c", "lion", [x], state=1, lr=0.1, beta1=0.9, beta2=0.9))
print(f"functions in C under PyTorch {torch.__version__}: {len(models)} models, {failed} differ")
sys.exit(failed > 0)
