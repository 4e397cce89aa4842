"""Laws fitted by PyTorch 2.13's L-BFGS to our own scaling runs, with the objective as Hoffmann et al. wrote it, for
tests of the page on scaling laws.

Run once, by hand, with topics/ on the path: `PYTHONPATH=. python tests/reference/chinchilla.py`; the tests read
chinchilla.npz. E, A and B are fitted as e, a and b, their logarithms; ln L is the log-sum-exp of the three terms; the
Huber losses of δ = 1e-3 are summed, not averaged; of all starts on a grid the best end is kept.
"""

from itertools import product
from pathlib import Path

import numpy as np
import torch

from topics.chinchilla import runs

STARTS = list(product((1.0, 3.0), (2.0, 5.0, 10.0), (-1.0,), (0.1, 0.4), (0.1, 0.4)))


def objective(x, N, D, L):
    a, b, e, alpha, beta = x
    terms = torch.stack([a - alpha * N.log(), b - beta * D.log(), e.expand_as(N)])
    return torch.nn.functional.huber_loss(torch.logsumexp(terms, 0), L.log(), reduction="sum", delta=1e-3)


def fitted(*data):
    best, least = None, np.inf
    for start in STARTS:
        x = torch.tensor(start, dtype=torch.float64, requires_grad=True)
        descent = torch.optim.LBFGS([x], max_iter=600, tolerance_grad=1e-12, tolerance_change=1e-15,
                                    history_size=50, line_search_fn="strong_wolfe")  # fmt: skip

        def step(x=x, descent=descent):
            descent.zero_grad()
            value = objective(x, *data)
            value.backward()
            return value

        for _ in range(2):
            descent.step(step)
        end = float(objective(x.detach(), *data))
        if end < least:
            best, least = x.detach().numpy().copy(), end
    a, b, e, alpha, beta = best
    return np.array([np.exp(e), np.exp(a), np.exp(b), alpha, beta]), least


found = {}
for name, what, most in (("all", runs.ALL, 8e11), ("some", runs.ALL, 4e11), ("without", runs.NO_SONGS, 8e11)):
    seen = most >= runs.C
    data = [torch.tensor(each[seen]) for each in (runs.N, runs.D, runs.losses(what))]
    found[name], found[f"{name}_cost"] = fitted(*data)
    print(name, found[name], found[f"{name}_cost"])
np.savez_compressed(Path(__file__).with_suffix(".npz"), **found)
