"""Gradients of a batch and of its pieces, and clipping, as PyTorch 2.13 gives them, for tests of gradient accumulation.

Run once, by hand: `python tests/reference/gradient_accumulation.py`; the tests read gradient_accumulation.npz.
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy

rng = np.random.default_rng(0)
n, T, d, V = 6, 9, 5, 7
x = rng.normal(size=(n, T, d))
W = rng.normal(size=(V, d))
labels = rng.integers(0, V, (n, T))
for i, length in enumerate((9, 2, 5, 1, 7, 3)):
    labels[i, length:] = -100
N = int((labels != -100).sum())


def gradient(pieces, share):
    w = torch.tensor(W, requires_grad=True)
    for piece in pieces:
        logits = torch.tensor(x[piece]) @ w.T
        share(logits.flatten(0, 1), torch.tensor(labels[piece]).flatten(), len(pieces)).backward()  # .grad adds up
    return w


def by_words(logits, at, k):
    return cross_entropy(logits, at, ignore_index=-100, reduction="sum") / N


def by_pieces(logits, at, k):
    return cross_entropy(logits, at, ignore_index=-100) / k


found = {"x": x, "W": W, "labels": labels}
for size in (1, 2, 4, 6):
    pieces = [np.arange(i, min(i + size, n)) for i in range(0, n, size)]
    w = gradient(pieces, by_words)
    found[f"words{size}"] = w.grad.numpy().copy()
    found[f"means{size}"] = gradient(pieces, by_pieces).grad.numpy().copy()
    found[f"norm{size}"] = torch.nn.utils.clip_grad_norm_([w], 0.1).numpy()
    found[f"clipped{size}"] = w.grad.numpy().copy()
np.savez_compressed(Path(__file__).with_suffix(".npz"), **found)
