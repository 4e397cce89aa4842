"""How weights take a step: AdamW, Muon, clipping, and the schedules of the rate. Knows no model and no loop.

θ weights   g their gradient   η rate   λ decay   t steps, the first is 1   m, v running means of g and of g²
"""

from math import cos, pi

import numpy as np


def adamw_step(theta, g, state, eta, betas=(0.9, 0.95), eps=1e-8, decay=0.0):
    """One step of AdamW (arXiv 1711.05101) on one array; gives the new weights and the new state.

    theta, g  arrays of one shape
    state     what the last call gave: m, v and t; None at the first
    eta       the rate η, which also scales the decay, as in PyTorch

    >>> theta, state = adamw_step(np.array([1.0, -2.0]), np.array([0.3, -7.0]), None, eta=0.1)
    >>> theta.round(6).tolist()   # a first step is as long as the rate, whatever the gradient
    [0.9, -1.9]
    """
    m, v, t = state or (0.0, 0.0, 0)
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g * g
    t += 1
    m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)  # the means began at 0
    new = theta * (1 - eta * decay) - eta * m_hat / (np.sqrt(v_hat) + eps)  # the decay never meets v
    return new.astype(theta.dtype), (m, v, t)


def muon_step(W, G, B, eta, mu=0.95, decay=0.0):
    """One step of Muon on one matrix: momentum with all its singular values made alike (Jordan 2024).

    W, G  (out, in) weights and gradient
    B     (out, in) the momentum that the last call gave; None at the first
    eta   the rate η of an Adam in its place: 0.2·√max(out, in) gives the step the size that Adam's has (2502.16982)
    """
    B = (0.0 if B is None else mu * B) + (1 - mu) * G
    step = orthogonalized((1 - mu) * G + mu * B)  # Nesterov: a look ahead
    new = W * (1 - eta * decay) - eta * 0.2 * max(W.shape) ** 0.5 * step
    return new.astype(W.dtype), B


def orthogonalized(G, steps=5):
    """G with its singular values brought near 1 (0.7 to 1.2), by Newton–Schulz steps: products alone.

    G        (n, m)
    returns  (n, m)
    """
    X = G / (np.sqrt((G * G).sum()) + 1e-7)  # singular values of 1 at most
    X = X.T if G.shape[0] > G.shape[1] else X  # the small product
    for _ in range(steps):
        A = X @ X.T
        X = 3.4445 * X + (-4.7750 * A + 2.0315 * A @ A) @ X  # each singular value s: 3.4445 s − 4.775 s³ + 2.0315 s⁵
    return X.T if G.shape[0] > G.shape[1] else X


def clip_by_global_norm(grads, limit):
    """Gradients {name: array}, shortened together to length `limit` if they are longer; and the length they had.

    >>> clip_by_global_norm({"a": np.array([3.0]), "b": np.array([4.0])}, 1.0)[1]
    5.0
    """
    norm = float(np.sqrt(sum(np.vdot(g, g) for g in grads.values())))
    scale = min(1.0, limit / norm) if norm else 1.0
    return {name: g * np.asarray(scale, g.dtype) for name, g in grads.items()}, norm


def cosine_schedule(t, total, warmup, peak, end=0.0):
    """The rate of step t = 1 … total: up in a line to `peak` at step `warmup`, then half a cosine down to `end`.

    >>> [round(cosine_schedule(t, 10, 2, 1.0), 3) for t in (1, 2, 6, 10)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if t <= warmup:
        return peak * t / warmup
    return end + (peak - end) * (1 + cos(pi * (t - warmup) / (total - warmup))) / 2


def wsd_schedule(t, total, warmup, decay, peak, end=0.0):
    """Warm-up, stable, decay (arXiv 2404.06395): up to `peak` at step `warmup`, level, and in the last `decay` steps
    down in a line to `end`.

    >>> [round(wsd_schedule(t, 10, 2, 4, 1.0), 3) for t in (1, 2, 6, 8, 10)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    if t <= warmup:
        return peak * t / warmup
    return peak if t <= total - decay else end + (peak - end) * (total - t) / decay
