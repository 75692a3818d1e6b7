"""Small tensors: every assertion holds here as under PyTorch."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

counts = torch.tensor([10, 20, 70])
assert counts.dtype == torch.int64 and counts.shape == (3,) and len(counts) == 3
assert counts.sum().item() == 100 and counts[-1].item() == 70 and counts[1:].tolist() == [20, 70]
weight = counts.sum() / counts
assert weight.dtype == torch.float32 and [round(w, 4) for w in weight.tolist()] == [10.0, 5.0, 1.4286]
assert (counts > 15).tolist() == [False, True, True] and (counts > 15).sum().item() == 2
assert (counts * 2 + 1).tolist() == [21, 41, 141] and (2 ** torch.tensor(3.)).item() == 8
assert (counts * 0.5).dtype == torch.float32 and (counts.double() * 0.5).dtype == torch.float64
assert (counts // 15).tolist() == [0, 1, 4] and (counts % 15).tolist() == [10, 5, 10]
assert (torch.tensor([0.1]) * 3).item() == 0.30000001192092896

table = torch.zeros(2, 3)
table[0, 1] = 5.0
table[1] = torch.tensor([1., 2., 3.])
assert table.tolist() == [[0, 5, 0], [1, 2, 3]] and table.size(1) == 3 and table.numel() == 6
assert table.mean().item() == 11 / 6 or abs(table.mean().item() - 11 / 6) < 1e-6
assert table.max().item() == 5 and table.min().item() == 0 and table.dim() == 2
assert torch.eye(2).tolist() == [[1, 0], [0, 1]] and torch.full((2,), 7).dtype == torch.int64
assert torch.arange(0, 10, 3).tolist() == [0, 3, 6, 9] and torch.arange(3.0).dtype == torch.float32
assert torch.linspace(0, 1, 5).tolist() == [0, 0.25, 0.5, 0.75, 1]
assert torch.ones(2, 3).view(-1).shape[0] == 6 and torch.arange(6).reshape(2, -1)[1].tolist() == [3, 4, 5]
assert torch.ones_like(counts).tolist() == [1, 1, 1] and torch.zeros((2, 2)).sum() == 0
assert F.one_hot(torch.tensor([2, 0]), num_classes=3).tolist() == [[0, 0, 1], [1, 0, 0]]
assert torch.tensor([1, 2]).float().dtype == torch.float32 and torch.tensor(True).item() is True
assert torch.LongTensor([1]).dtype == torch.int64 and torch.Tensor([1]).dtype == torch.float32
assert torch.tensor([[1., 2.]], dtype=torch.float64).dtype == torch.double
assert [row.sum().item() for row in torch.arange(4).view(2, 2)] == [1, 5]
assert (torch.tensor([[1], [2]]) + torch.tensor([10, 20])).tolist() == [[11, 21], [12, 22]]

array = np.array([1, 2, 3, 4])
assert array.mean() == 2.5 and (array / 2).tolist() == [0.5, 1.0, 1.5, 2.0] and array.sum() == 10
assert array.shape == (4,) and array[0] == 1 and array.size == 4 and np.zeros((2, 3)).shape[1] == 3
assert (torch.from_numpy(array) * 2).tolist() == [2, 4, 6, 8]
assert np.mean((np.array([1., 2.]) - np.array([0., 4.])) ** 2) == 2.5 and np.sqrt(16) == 4
assert np.identity(2).tolist() == [[1, 0], [0, 1]] and np.arange(3).tolist() == [0, 1, 2]

model = nn.Sequential(nn.Linear(table.shape[1], 8), nn.ReLU(), nn.Linear(8, len(counts)))
out = model(table)
