"""One PyTorch contender of tests/bench/run: a workload in one mode, in a process of its own.

    BENCH_START=seconds python3 pytorch.py WORKLOAD MODE THREADS

MODE is eager, fused (the optimizer's own kernels), compile, and for images last (channels last) and
last+compile; for an inference also onnx: ONNX Runtime, with what PyTorch exports. Answers each line
on stdin with a line of JSON; the first answer, unasked, tells of the first step. `time` is answered
with the seconds of one run (all that is warm stays so), `loader` with those of an epoch through a
DataLoader. What is compiled is the model with its loss, and the optimizer's step, as users do;
every loss and every output is kept, so that nothing is left out as unused.
"""
import gzip
import json
import os
import re
import sys
import tempfile
import time

from workloads import IMAGES, WORKLOADS


class Missing(Exception):
    """The workload has no such mode."""


def say(**answer):
    print(json.dumps(answer), flush=True)


def peak_kb():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1))


def last(x):
    return x.to(memory_format=torch.channels_last)


class Training:
    """Epochs of steps over tensors in memory, batches indexed out of them; or steps over one."""

    def __init__(self, file, mode, work):
        self.data, self.batch, self.epochs, self.units = data(work), work.batch, work.count, 1
        if work.what == "train":
            self.units = work.count
        model, criterion, self.optimizer = file["model"], file["criterion"], file["optimizer"]
        if mode.startswith("last"):
            model, self.data = last(model), (last(self.data[0]), self.data[1])
        if mode == "fused":
            kind = type(self.optimizer)
            self.optimizer = kind(model.parameters(), **dict(self.optimizer.defaults, fused=True))
        self.loss = lambda x, y: criterion(model(x), y)
        self.update = self.optimizer.step
        if mode.endswith("compile"):
            self.loss, self.update = torch.compile(self.loss), torch.compile(self.update)

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = self.loss(x, y)
        loss.backward()
        self.update()
        return loss.detach()

    def first(self):
        return self.step(self.data[0][:self.batch], self.data[1][:self.batch])

    def run(self):
        x, y = self.data
        losses = []
        for _ in range(self.epochs):
            order = torch.randperm(len(x))
            for i in range(0, len(x), self.batch):
                pick = order[i:i + self.batch]
                losses.append(self.step(x[pick], y[pick]))
        return losses

    def loader(self):
        from torch.utils.data import DataLoader, TensorDataset
        batches = DataLoader(TensorDataset(*self.data), batch_size=self.batch, shuffle=True)
        return [self.step(x, y) for x, y in batches]


class Inference:
    def __init__(self, file, mode, work):
        self.model, self.units = file["model"].eval(), work.count
        self.x = torch.randn(work.batch, *work.input)
        if mode.startswith("last"):
            self.model, self.x = last(self.model), last(self.x)
        if mode.endswith("compile"):
            self.model = torch.compile(self.model)

    def first(self):
        with torch.inference_mode():
            return self.model(self.x)

    def run(self):
        with torch.inference_mode():
            return [self.model(self.x) for _ in range(self.units)]


class Onnx:
    def __init__(self, file, work, threads):
        import onnxruntime
        self.x, self.units = torch.randn(work.batch, *work.input), work.count
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        with tempfile.TemporaryDirectory() as folder:
            path = folder + "/model.onnx"
            torch.onnx.export(file["model"].eval(), (self.x,), path, input_names=["x"],
                              dynamo=False)
            self.session = onnxruntime.InferenceSession(path, options)
        self.x = self.x.numpy()

    def first(self):
        return torch.from_numpy(self.session.run(None, {"x": self.x})[0])

    def run(self):
        return [self.session.run(None, {"x": self.x})[0] for _ in range(self.units)]


def data(work):
    if work.what == "epochs" and work.classes:
        x = gzip.open(IMAGES + "/train-images-idx3-ubyte.gz").read()[16:]
        y = gzip.open(IMAGES + "/train-labels-idx1-ubyte.gz").read()[8:]
        x = torch.frombuffer(bytearray(x), dtype=torch.uint8).reshape(-1, 784).float() / 255
        return x, torch.frombuffer(bytearray(y), dtype=torch.uint8).long()
    if work.what == "epochs":
        x = torch.randn(159, *work.input)
        return x, x.sum(1, keepdim=True)
    return torch.randn(work.batch, *work.input), torch.arange(work.batch) % work.classes


def make(work, mode, threads):
    if mode.startswith("last") and len(work.input) < 3:
        raise Missing("channels last is for images")
    if mode in ("fused", "onnx") and (mode == "onnx") != (work.what == "infer"):
        raise Missing("fused is an optimizer's, onnx an inference's")
    path = f"{os.path.dirname(os.path.abspath(__file__))}/models/{work.model}.py"
    file = {"__name__": "bench"}
    with open(path) as f:
        exec(compile(f.read(), path, "exec"), file)
    if mode == "onnx":
        return Onnx(file, work, threads)
    return (Inference if work.what == "infer" else Training)(file, mode, work)


def main():
    name, mode, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    workload = make(WORKLOADS[name], mode, threads)
    kept = workload.first()
    say(first_s=time.time() - float(os.environ["BENCH_START"]), version=torch.__version__,
        openblas="openblas" in open("/proc/self/maps").read(), kept=bool(kept.isfinite().all()))
    workload.run()
    for line in sys.stdin:
        run = workload.run if line.strip() == "time" else workload.loader
        start = time.perf_counter()
        kept = run()
        seconds = (time.perf_counter() - start) / workload.units
        say(seconds=seconds, peak_kb=peak_kb(), kept=len(kept))


if __name__ == "__main__":
    try:
        import torch
        main()
    except (ImportError, AttributeError, TypeError, RuntimeError, ValueError, Missing) as e:
        say(missing=f"{type(e).__name__}: {e}"[:300])
