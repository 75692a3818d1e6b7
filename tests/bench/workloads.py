"""What tests/bench/run times, for both sides. A workload is a model file of models/, which PyTorch
runs as it stands, and what is done with it:

    epochs  `count` epochs over a data set, one after as many others
    train   steps over one batch that stays in memory, `count` a turn
    infer   the forward pass of one batch, `count` a turn

w4 is the CIFAR net of the notes that seqc started from, w5 their AlexNet, w7 three residual blocks.
"""
from collections import namedtuple

Workload = namedtuple("Workload", "model what batch input classes count")

WORKLOADS = {
    "w1": Workload("w1", "epochs", 20, (2,), 0, 64),
    "w2": Workload("w2", "epochs", 256, (784,), 10, 1),
    "w2_linear": Workload("w2_linear", "epochs", 256, (784,), 10, 1),
    "w3": Workload("w3", "train", 32, (3072,), 10, 20),
    "w4_train": Workload("w4", "train", 128, (3, 32, 32), 10, 5),
    "w4_infer": Workload("w4", "infer", 128, (3, 32, 32), 10, 10),
    "w5_train": Workload("w5", "train", 16, (3, 224, 224), 1000, 1),
    "w5_infer16": Workload("w5", "infer", 16, (3, 224, 224), 1000, 2),
    "w5_infer1": Workload("w5", "infer", 1, (3, 224, 224), 1000, 10),
    "w7_train": Workload("w7", "train", 32, (3, 32, 32), 10, 5),
    "w7_infer": Workload("w7", "infer", 32, (3, 32, 32), 10, 10),
    "w8": Workload("w8", "infer", 1, (6,), 0, 1000),
}
IMAGES = "/usr/share/datasets/fashion-mnist"

# What tests/bench/gpu times: training by steps of a batch each, over a data set that holds so many
# of them; a turn is `epochs` of it. In float32, and rounded for tensor cores where `math` says so;
# `least` is the ratio to a step captured by hand that is wanted on an H200, to max-autotune of wide.
GpuWorkload = namedtuple("GpuWorkload", "model batch input classes steps epochs math least")

GPU_WORKLOADS = {
    "tiny": GpuWorkload("tiny", 32, (16,), 10, 64, 100, "default", 5),
    "mlp": GpuWorkload("mlp", 128, (784,), 10, 64, 50, "default", 2),
    "w2": GpuWorkload("w2", 256, (784,), 10, 64, 50, "default", None),
    "w2_linear": GpuWorkload("w2_linear", 256, (784,), 10, 64, 50, "default", None),
    "w3": GpuWorkload("w3", 32, (3072,), 10, 64, 20, "default", None),
    "w4": GpuWorkload("w4", 128, (3, 32, 32), 10, 32, 5, "default", 1.3),
    "w4_tf32": GpuWorkload("w4", 128, (3, 32, 32), 10, 32, 5, "tf32", 1.3),
    "w4_bf16": GpuWorkload("w4", 128, (3, 32, 32), 10, 32, 5, "bf16", 1.3),
    "w5": GpuWorkload("w5", 16, (3, 224, 224), 1000, 4, 5, "default", None),
    "w7": GpuWorkload("w7", 32, (3, 32, 32), 10, 32, 5, "default", None),
    "wide": GpuWorkload("wide", 4096, (4096,), 10, 2, 5, "default", None),
    "wide_tf32": GpuWorkload("wide", 4096, (4096,), 10, 2, 5, "tf32", None),
    "wide_bf16": GpuWorkload("wide", 4096, (4096,), 10, 2, 5, "bf16", 0.85),
}
