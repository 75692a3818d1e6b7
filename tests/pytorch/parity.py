"""The same model file as a compiled program and under PyTorch: same seed, same numbers.

For each pair of model file and data: initial weights equal to 1e-6; losses of the first 10 steps
within 1e-5 relative and of the first 200 within 1e-2, which also says that the shuffles are equal.
tests/run sets SEQC and SCRATCH; --full takes every pair, else a few, of which the fixtures' are compiled by -O0,
in a quarter of the time. Prints "ok NAME" lines.
"""
import csv
import gzip
import os
import re
import subprocess
import sys
import types

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from common import load_safetensors, save_safetensors

SEQC, SCRATCH = os.environ["SEQC"], os.environ["SCRATCH"]
FASHION = os.environ.get("DATA", "/usr/share/datasets/fashion-mnist")
STEPS = 200


def report(name, why=""):
    print(f"not ok {name}: {why}" if why else f"ok {name}", flush=True)


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")


def torch_run(source, x, y, steps):
    """Initial weights and the losses of the first steps of an ordinary loop."""
    scope = {"__name__": "model"}
    exec(source, scope)
    net, criterion, optimizer = scope.get("model") or scope["net"], scope["criterion"], scope["optimizer"]
    first = {k: v.detach().clone().numpy() for k, v in net.state_dict().items()}
    loader = scope.get("trainloader") or DataLoader(TensorDataset(x, y), batch_size=scope["batch_size"], shuffle=True)
    losses = []
    while True:
        for bx, by in loader:
            optimizer.zero_grad()
            out = net(bx)                # a pair is means and variances
            loss = criterion(out[0], by, out[1]) if isinstance(out, tuple) else criterion(out, by)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if len(losses) == steps:
                return first, losses, len(loader)
        if "scheduler" in scope:
            scope["scheduler"].step()


def compare(name, path, x, y, data, *options, steps=STEPS, near=1e-5):
    try:
        with open(path) as f:
            first, losses, per_epoch = torch_run(f.read(), x, y, steps)
        program, out = os.path.join(SCRATCH, "program"), os.path.join(SCRATCH, name.replace("/", "_"))
        run(SEQC, "build", path, *options, "-o", program, "-q")
        epochs = -(-steps // per_epoch)
        run(program, "train", *data, "--epochs", "0", "--out", out + ".0", "--quiet")
        run(program, "train", *data, "--epochs", str(epochs), "--out", out, "--log-steps", "--quiet")
        initial = load_safetensors(out + ".0/last.safetensors")
        worst = max(np.abs(initial[k] - v).max() for k, v in first.items())
        with open(out + "/steps.csv") as f:
            ours = [float(row["loss"]) for row in csv.DictReader(f)][:steps]
    except (RuntimeError, OSError, KeyError, ValueError) as e:
        report(name, str(e).strip().replace("\n", "\n    "))
        return
    report(f"{name}: initial weights", "" if worst <= 1e-6 else f"differ by {worst:.3g}")
    far = [abs(a - b) / max(abs(b), 1e-30) for a, b in zip(ours, losses)]
    report(f"{name}: loss of 10 steps",
           "" if len(ours) >= steps and max(far[:10]) <= near else f"{len(ours)} steps, {max(far[:10]):.3g} apart")
    report(f"{name}: loss of {steps} steps", "" if max(far) <= 1e-2 else f"{max(far):.3g} apart")


def npy_pair(name, x, y):
    paths = [os.path.join(SCRATCH, f"{name}.{part}.npy") for part in "xy"]
    for path, t in zip(paths, (x, y)):
        np.save(path, t.numpy())
    return ["--data", paths[0], "--labels", paths[1]]


def dropout():
    """Masks as PyTorch draws them, between its shuffles; with MKL it draws by other rules."""
    if torch.backends.mkl.is_available():
        print("skip dropout: this PyTorch has MKL")
        return
    x, kinds = read_csv("samples/fashion_mnist/small.csv")
    x = torch.tensor((x - x.mean(0)) / x.std(0).clip(1e-6))
    y = torch.tensor([sorted(set(kinds)).index(k) for k in kinds])
    compare("dropout", "samples/regularization/model.py", x, y, npy_pair("dropout", x, y), "--dropout", "torch")


def read_csv(path):
    with open(path) as f:
        rows = list(csv.reader(f))[1:]
    return np.array([[float(v) for v in r[:-1]] for r in rows], np.float32), [r[-1] for r in rows]


def samples():
    path = "samples/iris/iris.csv"
    x, kinds = read_csv(path)
    y = torch.tensor([sorted(set(kinds)).index(k) for k in kinds])
    compare("iris", "samples/iris/model.py", torch.tensor(x), y, ["--data", path])

    for name, data, files in (("regression", "regression/houses.csv", ["regression/model.py", "schedules/model.py",
                                                                   "residual_mlp/model.py", "residual_mlp/uncertain.py"]),
                              ("binary", "binary/pair.csv", ["binary/model.py", "binary/sigmoid.py"])):
        x, y = read_csv("samples/" + data)
        x = torch.tensor((x - x.mean(0)) / x.std(0))
        y = torch.tensor([[float(v)] for v in y])
        for file in files:
            compare(file[:-3], "samples/" + file, x, y, npy_pair(name, x, y))

    images = FASHION + "/train-images-idx3-ubyte.gz"
    if not os.path.exists(images):
        print(f"skip fashion_mnist: no images at {FASHION}")
        return
    with gzip.open(images) as f:
        x = torch.tensor(np.frombuffer(f.read()[16:], np.uint8).reshape(-1, 1, 28, 28) / np.float32(255))
    with gzip.open(FASHION + "/train-labels-idx1-ubyte.gz") as f:
        y = torch.tensor(np.frombuffer(f.read()[8:], np.uint8).astype(np.int64))
    for name in ("fashion_mnist", "softmax_regression"):
        compare(name, f"samples/{name}/model.py", x, y, ["--data", FASHION])


class Ignored(types.ModuleType):
    """Stands for a module of torchvision: whatever is called gives something that may be ignored."""
    def __getattr__(self, name):
        return lambda *args, **named: None


def stand_in(**datasets):
    """What `from torchvision import …` gives; the transforms are nothing."""
    vision = Ignored("torchvision")
    vision.datasets, vision.transforms = Ignored("torchvision.datasets"), Ignored("torchvision.transforms")
    vars(vision.datasets).update(datasets)
    sys.modules["torchvision"] = vision


def cifar10():
    """The sample's net in strict mode, on records as CIFAR-10 has them: a pattern for each class, and noise.

    Of the million maxima that a step pools, one or two lie within a rounding of ReLU's kink. Where they fall to the
    other side, PyTorch's float32 from its float64 too, the losses of 10 steps move by 3e-5.
    """
    draw = np.random.default_rng(1)
    label = draw.integers(0, 10, 640, dtype=np.uint8)
    pattern, noise = draw.integers(0, 128, (10, 3072)), draw.integers(0, 128, (640, 3072))
    image = (pattern[label] + noise).astype(np.uint8)
    folder = os.path.join(SCRATCH, "cifar10-data")
    os.makedirs(folder, exist_ok=True)
    for file in ("data_batch_1.bin", "test_batch.bin"):
        np.column_stack([label, image]).tofile(os.path.join(folder, file))
    x = (torch.tensor(image.reshape(-1, 3, 32, 32) / np.float32(255)) - 0.5) / 0.5
    y = torch.tensor(label.astype(np.int64))
    stand_in(CIFAR10=lambda **named: TensorDataset(x, y))
    compare("cifar10", "samples/cifar10/model.py", x, y, ["--data", folder], "--math", "strict",
            steps=40, near=1e-4)


def alexnet():
    """The whole net of the sample, with weights that PyTorch drew, against PyTorch in float64."""
    path, folder = "samples/alexnet/model.py", os.path.join(SCRATCH, "alexnet")
    weights = folder + ".safetensors"
    stand_in()
    torch.manual_seed(4)
    scope = {"__name__": "model"}
    with open(path) as f:
        exec(f.read(), scope)
    net = scope["model"].eval()
    x = torch.randn(2, 3, 224, 224)
    try:
        save_safetensors(weights, net.state_dict())
        np.save(folder + ".npy", x.numpy())
        with torch.no_grad():
            want = net.double()(x.double()).numpy()
        run(SEQC, "build", path, "-o", folder, "-q")
        run(folder, "predict", "--input", folder + ".npy", "--weights", weights, "--output", folder + ".out.npy")
        far = np.abs(np.load(folder + ".out.npy") - want).max() / np.abs(want).max()
        report("alexnet: outputs", "" if far <= 1e-5 else f"{far:.3g} of the largest apart")
    except (RuntimeError, OSError) as e:
        report("alexnet", str(e).strip())
    finally:
        for file in (weights, folder + ".npy"):
            if os.path.exists(file):
                os.remove(file)


def fine_tuning():
    """The sample's model, whose base is read from a file beside the program."""
    stub = types.ModuleType("safetensors.torch")
    stub.load_file = lambda path: {k: torch.tensor(v) for k, v in load_safetensors(path).items()}
    sys.modules.setdefault("safetensors", types.ModuleType("safetensors"))
    sys.modules["safetensors.torch"] = stub
    folder, here = os.path.abspath("samples/fine_tuning"), os.getcwd()
    os.chdir(SCRATCH)
    try:
        run("sh", folder + "/make_data")
        run(SEQC, "build", folder + "/base.py", "-o", "base", "-q")
        run("./base", "train", "--data", "old.csv", "--normalize", "zscore", "--epochs", "3", "--out", "base.run", "--quiet")
        os.replace("base.run/last.safetensors", "base.safetensors")
        x, kinds = read_csv("few.csv")
        x = torch.tensor((x - x.mean(0)) / x.std(0).clip(1e-3))
        y = torch.tensor([sorted(set(kinds)).index(k) for k in kinds])
        compare("fine_tuning", folder + "/model.py", x, y, npy_pair("few", x, y))
    except (RuntimeError, OSError) as e:
        report("fine_tuning", str(e).strip())
    os.chdir(here)


def fixtures(full):
    """The models of the fixtures, with enough rows for 200 steps."""
    few = ["sgd_dampening", "sgd_nesterov", "sgd_decay", "adam_decay", "adamw_decay", "l1", "bce", "nll",
           "init_made", "mish", "prelu_each", "cross_entropy_weight_smooth", "multi_margin_2", "huber",
           "batch_norm", "layer_norm_wide", "group_norm_one", "cross_entropy_images"]
    more = ["wide", "init", "frozen", "nested", "gelu", "silu", "softplus_beta", "log_softmax", "cross_entropy",
            "cross_entropy_prob", "cross_entropy_sum", "mse_sum", "l1_sum", "bce_logits", "sgd_momentum", "adam", "adamw",
            "selu", "celu", "hardswish", "softshrink", "glu", "softmin", "smooth_l1", "kl_div", "poisson_nll",
            "hinge_embedding", "soft_margin", "multi_margin", "cross_entropy_weight_sum",
            "bce_weight", "bce_logits_pos", "cross_entropy_prob_weight",
            "conv1d", "avg_pool", "pixels", "conv_transpose", "batch_norm_2d", "instance_norm",
            "batch_norm_cumulative", "batch_norm_twice", "batch_norm_no_running", "layer_norm"]
    if not full:
        os.environ.setdefault("SEQC_CFLAGS", "-O0")
    for name in few + (more if full else []):
        draw = torch.Generator().manual_seed(1)
        rows = 300
        path = f"tests/fixtures/models/{name}.py"
        said = re.search(r"^input_shape = (.*)", open(path).read(), re.M)
        shape = eval(said.group(1)) if said else (70,) if name == "wide" else (5,)
        x = torch.randn(rows, *shape, generator=draw)
        if name.startswith("cross_entropy_prob"):
            y = torch.rand(rows, 3, generator=draw).softmax(1)
        elif name.startswith(("nll", "cross_entropy", "multi_margin")):
            y = torch.randint(0, 3, (rows,), generator=draw)
        elif name.startswith("bce"):
            y = torch.rand(rows, 3, generator=draw)
        elif name.startswith("kl_div"):
            y = torch.rand(rows, 3, generator=draw).softmax(1)
        elif name.startswith("poisson"):
            y = torch.poisson(torch.full((rows, 3), 2.0), generator=draw)
        elif name.startswith(("hinge", "soft_margin")):
            y = torch.randint(0, 2, (rows, 3), generator=draw) * 2.0 - 1
        else:
            y = torch.randn(rows, 3, generator=draw)
        compare(name, path, x, y, npy_pair(name, x, y))


torch.set_num_threads(1)
samples()
dropout()
cifar10()
alexnet()
fine_tuning()
fixtures("--full" in sys.argv)
