"""One PyTorch contender of tests/bench/gpu: training in one mode, in a process of its own.

    BENCH_START=seconds python3 pytorch_gpu.py WORKLOAD MODE DEVICE

MODE is eager (with the optimizer's own kernels), reduce-overhead or max-autotune (the model with its
loss, and the optimizer's step, compiled so), or graph: the whole step captured by hand once and
replayed, which takes its samples' numbers from memory of the device and counts itself, so that the
host does nothing but start it. The data set lies on the device for all of them; batches are indexed
out of it; every loss is kept there. The workload's math says how products are rounded: all float32,
tf32, or bfloat16 by autocast.

Answers as pytorch.py does: the first line, unasked, tells of the first step; `time` is answered with
the seconds of a step of so many epochs, and the device's memory that PyTorch has reserved.
"""
import contextlib
import json
import os
import sys
import time

from workloads import GPU_WORKLOADS


class Missing(Exception):
    """The device has no such mode."""


def say(**answer):
    print(json.dumps(answer), flush=True)


class Steps:
    def __init__(self, file, mode, work, device):
        self.work, self.device, self.rows = work, device, work.batch * work.steps
        self.model = file["model"].to(device)
        self.criterion = file["criterion"]
        self.x = torch.randn(self.rows, *work.input, device=device)
        self.y = (torch.arange(self.rows) % work.classes).to(device)
        self.losses = torch.zeros(work.steps, device=device)
        kind, settings = type(file["optimizer"]), dict(file["optimizer"].defaults, fused=True)
        if "capturable" in settings:
            settings["capturable"] = mode == "graph"
        self.optimizer = kind(self.model.parameters(), **settings)
        self.loss, self.update = self.loss_of, self.optimizer.step
        if mode in ("reduce-overhead", "max-autotune"):
            self.loss = torch.compile(self.loss, mode=mode)
            self.update = torch.compile(self.update, mode=mode)
        self.graph = self.captured() if mode == "graph" else None

    def loss_of(self, x, y):
        bf16 = self.work.math == "bf16"
        with torch.autocast(self.device, torch.bfloat16) if bf16 else contextlib.nullcontext():
            return self.criterion(self.model(x).float(), y)

    def step(self, pick):
        self.optimizer.zero_grad()
        loss = self.loss(self.x[pick], self.y[pick])
        loss.backward()
        self.update()
        return loss.detach()

    def captured(self):
        """The step number lies on the device, as does the epoch's order."""
        self.at = torch.zeros(1, dtype=torch.int64, device=self.device)
        self.order = torch.arange(self.rows, device=self.device)
        lanes = torch.arange(self.work.batch, device=self.device)

        def step():
            loss = self.step(self.order[self.at * self.work.batch + lanes])
            self.losses.index_copy_(0, self.at, loss.reshape(1))
            self.at.add_(1)

        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.at.zero_()
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        return graph

    def epoch(self):
        order = torch.randperm(self.rows, device=self.device)
        if self.graph:
            self.order.copy_(order)
            self.at.zero_()
        for i in range(self.work.steps):
            if self.graph:
                self.graph.replay()
            else:
                self.losses[i] = self.step(order[i * self.work.batch:(i + 1) * self.work.batch])

    def first(self):
        if self.graph:
            self.at.zero_()
            self.graph.replay()
        else:
            self.losses[0] = self.step(torch.arange(self.work.batch, device=self.device))
        return self.losses[0].item()

    def run(self):
        """Seconds of a step; the last epoch's losses are read at the end."""
        self.losses.sum().item()
        start = time.perf_counter()
        for _ in range(self.work.epochs):
            self.epoch()
        kept = self.losses.sum().item()
        return (time.perf_counter() - start) / (self.work.epochs * self.work.steps), kept


def main():
    name, mode, device = sys.argv[1:4]
    work = GPU_WORKLOADS[name]
    cuda = device == "cuda"
    if cuda and not torch.cuda.is_available():
        raise Missing("this PyTorch sees no CUDA device")
    if not cuda and mode != "eager":
        raise Missing("only eager is without a CUDA device")
    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = work.math == "tf32"
    torch.backends.cudnn.allow_tf32 = work.math == "tf32"
    torch.backends.cudnn.benchmark = True
    file = {"__name__": "bench"}
    with open(f"{os.path.dirname(os.path.abspath(__file__))}/models/{work.model}.py") as f:
        exec(compile(f.read(), work.model, "exec"), file)
    steps = Steps(file, mode, work, device)
    kept = steps.first()
    say(first_s=time.time() - float(os.environ["BENCH_START"]), version=torch.__version__, kept=kept)
    steps.run()
    for _ in sys.stdin:
        seconds, kept = steps.run()
        say(seconds=seconds, kept=kept, bytes=torch.cuda.max_memory_reserved() if cuda else 0)


if __name__ == "__main__":
    try:
        import torch
        main()
    except (ImportError, AttributeError, TypeError, RuntimeError, ValueError, Missing) as e:
        say(missing=f"{type(e).__name__}: {e}"[:300])
