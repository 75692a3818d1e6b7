"""What the scripts that ask PyTorch share: PyTorch 1 made to mean what PyTorch 2 does, and
safetensors files.

Importing it patches torch: version 1 has another NAdam and no `bias` of LayerNorm.
"""
import json
import struct
import sys

import numpy as np
import torch

TYPES = {"F32": np.float32, "F64": np.float64, "I64": np.int64, "I32": np.int32, "U8": np.uint8}


def save_safetensors(path, tensors):
    """The safetensors format: 8 bytes of length, a JSON header, the data."""
    names = {np.dtype(t): name for name, t in TYPES.items()}
    header, blob = {}, b""
    for key, t in tensors.items():
        t = np.asarray(t.detach().numpy() if torch.is_tensor(t) else t)
        data = t.tobytes()
        header[key] = {"dtype": names[t.dtype], "shape": list(t.shape),
                       "data_offsets": [len(blob), len(blob) + len(data)]}
        blob += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + blob)


def load_safetensors(path):
    with open(path, "rb") as f:
        blob = f.read()
    n = struct.unpack("<Q", blob[:8])[0]
    head = json.loads(blob[8:8 + n])
    head.pop("__metadata__", None)
    return {k: np.frombuffer(blob[8 + n + h["data_offsets"][0]:8 + n + h["data_offsets"][1]],
                             TYPES[h["dtype"]]).reshape(h["shape"]) for k, h in head.items()}


@torch.no_grad()
def nadam(params, grads, exp_avgs, exp_avg_sqs, mu_products, steps, *, beta1, beta2, lr,
          weight_decay, momentum_decay, eps):
    """The algorithm as documented. PyTorch before 2 took the product of all mu, with the last one
    twice, where the page has the product up to the next."""
    for p, g, m, v, product, step in zip(params, grads, exp_avgs, exp_avg_sqs, mu_products, steps):
        step += 1
        t = step.item()
        mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (k * momentum_decay)) for k in (t, t + 1))
        product *= mu
        g = g + weight_decay * p
        m.copy_(beta1 * m + (1 - beta1) * g)
        v.copy_(beta2 * v + (1 - beta2) * g * g)
        m_hat = mu_next * m / (1 - product.item() * mu_next) + (1 - mu) * g / (1 - product.item())
        p -= lr * m_hat / ((v / (1 - beta2 ** t)).sqrt() + eps)


class LayerNorm(torch.nn.LayerNorm):
    """PyTorch 1 has no `bias`."""
    def __init__(self, shape, eps=1e-5, elementwise_affine=True, bias=True):
        super().__init__(shape, eps, elementwise_affine)
        if not bias:
            self.bias = None


if torch.__version__ < "2":
    sys.modules["torch.optim.nadam"]._single_tensor_nadam = nadam
    torch.nn.LayerNorm = LayerNorm
