"""One PyTorch contender of tests/bench/run: a workload in one mode, in a process of its own.

    BENCH_START=seconds python3 pytorch.py WORKLOAD eager|fused|compile THREADS

Answers each line on stdin with a line of JSON; the first answer, unasked, tells of the first step.
`time` is answered with the seconds of one run (all that is warm stays so), `loader` with those of
an epoch through a DataLoader. What is compiled is the model with its loss, and the optimizer's
step, as users do; every loss and every output is kept, so that nothing is left out as unused.
"""
import gzip
import json
import os
import re
import sys
import time

IMAGES = "/usr/share/datasets/fashion-mnist"


def say(**answer):
    print(json.dumps(answer), flush=True)


def peak_kb():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1))


class Training:
    """Epochs of steps over tensors in memory, batches indexed out of them."""

    def __init__(self, mode, layers, criterion, optimizer, data, batch, epochs, units=1):
        from torch import nn
        self.data, self.batch, self.epochs, self.units = data, batch, epochs, units
        model = nn.Sequential(*layers)
        more = {"fused": True} if mode == "fused" else {}
        self.optimizer = optimizer(model.parameters(), **more)
        self.loss = lambda x, y: criterion(model(x), y)
        self.update = self.optimizer.step
        if mode == "compile":
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
    def __init__(self, mode, layers, x, units):
        self.model = torch.nn.Sequential(*layers).eval()
        self.x, self.units = x, units
        if mode == "compile":
            self.model = torch.compile(self.model)

    def first(self):
        with torch.inference_mode():
            return self.model(self.x)

    def run(self):
        with torch.inference_mode():
            return [self.model(self.x) for _ in range(self.units)]


def images():
    x = gzip.open(IMAGES + "/train-images-idx3-ubyte.gz").read()[16:]
    y = gzip.open(IMAGES + "/train-labels-idx1-ubyte.gz").read()[8:]
    x = torch.frombuffer(bytearray(x), dtype=torch.uint8).reshape(-1, 784).float() / 255
    return x, torch.frombuffer(bytearray(y), dtype=torch.uint8).long()


def make(name, mode):
    from torch import nn, optim
    sgd = lambda lr: lambda p, **more: optim.SGD(p, lr=lr, **more)
    if name == "w1":
        x = torch.randn(159, 2)
        return Training(mode, [nn.Linear(2, 1)], nn.MSELoss(), sgd(0.01),
                        (x, x.sum(1, keepdim=True)), 20, 20)
    if name == "w2":
        layers = [nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)]
        return Training(mode, layers, nn.CrossEntropyLoss(), sgd(0.1), images(), 256, 1)
    if name == "w2_linear":
        return Training(mode, [nn.Flatten(), nn.Linear(784, 10)], nn.CrossEntropyLoss(), sgd(0.1),
                        images(), 256, 1)
    if name == "w3":
        layers = [nn.Linear(3072, 500), nn.ReLU(), nn.Linear(500, 10)]
        adam = lambda p, **more: optim.Adam(p, lr=3e-4, **more)
        return Training(mode, layers, nn.CrossEntropyLoss(), adam,
                        (torch.randn(32, 3072), torch.arange(32) % 10), 32, 20, 20)
    return Inference(mode, [nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 1)], torch.randn(1, 6), 1000)


def main():
    name, mode, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    workload = make(name, mode)
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
    except (ImportError, AttributeError, TypeError, RuntimeError, ValueError) as e:
        say(missing=f"{type(e).__name__}: {e}"[:300])
