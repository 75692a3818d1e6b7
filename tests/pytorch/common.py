"""What the scripts that ask PyTorch share: PyTorch 1 made to mean what PyTorch 2 does, and
safetensors files.

Importing it patches torch: version 1 has another NAdam, no `bias` of norms, no decoupled decay.
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


class NAdam(torch.optim.NAdam):
    """PyTorch 1 has neither of these two. One step needs no more than the gradient's sign and the
    decay before it."""
    def __init__(self, params, *args, decoupled_weight_decay=False, maximize=False, **rest):
        super().__init__(params, *args, **rest)
        self.decoupled, self.maximize = decoupled_weight_decay, maximize

    @torch.no_grad()
    def step(self):
        decays = [group["weight_decay"] for group in self.param_groups]
        for group, decay in zip(self.param_groups, decays):
            group["weight_decay"] = 0 if self.decoupled else decay
            for p in group["params"]:
                if p.grad is not None:
                    p.grad *= -1 if self.maximize else 1
                    p *= 1 - group["lr"] * decay if self.decoupled else 1
        super().step()
        for group, decay in zip(self.param_groups, decays):
            group["weight_decay"] = decay


def adam(of):
    """PyTorch 1 has no `decoupled_weight_decay`: AdamW by another name."""
    def make(params, *args, decoupled_weight_decay=False, **rest):
        if decoupled_weight_decay:
            return torch.optim.AdamW(params, *args, **{"weight_decay": 0, **rest})
        return of(params, *args, **rest)
    return make


def with_bias(norm):
    """PyTorch 1 has no `bias` of a norm."""
    class Norm(norm):
        def __init__(self, *args, bias=True, **rest):
            super().__init__(*args, **rest)
            if not bias:
                self.bias = None
    Norm.__name__ = norm.__name__
    return Norm


if torch.__version__ < "2":
    sys.modules["torch.optim.nadam"]._single_tensor_nadam = nadam
    torch.optim.NAdam, torch.optim.Adam = NAdam, adam(torch.optim.Adam)
    for name in ("LayerNorm", "GroupNorm", "BatchNorm1d", "BatchNorm2d"):
        setattr(torch.nn, name, with_bias(getattr(torch.nn, name)))
