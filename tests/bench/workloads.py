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
