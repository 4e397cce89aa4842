"""Attention: every token asks every earlier token a question, and takes a mixture of what they hand over.

T tokens, of which T_q ask and T_k answer   d model width   H heads   D head width   F feed-forward width
q, k, v a token's query, key and value   s scores   w weights   y output
A FLOP is one addition or one multiplication, so a multiply-add is two.
"""

import numpy as np

from topics.kit.numerics import softmax
from topics.kit.real.models import MODELS

# ---- attention itself


def scaled_dot_product_attention(q, k, v, causal=False, bias=None):
    """Each query's mixture of the values, weighted by how well its keys match (eq:attention).

    q        (..., T_q, D)
    k, v     (..., T_k, D) and (..., T_k, D_v)
    causal   a query sees no later token; the T_q queries are those of the last T_q tokens
    bias     added to the scores (..., T_q, T_k): −inf hides a pair
    returns  y (..., T_q, D_v) and the weights w (..., T_q, T_k)

    >>> y, w = scaled_dot_product_attention(np.zeros((2, 4)), np.zeros((2, 4)), np.array([[2.0], [4.0]]), causal=True)
    >>> y.ravel().tolist()   # equal scores: the first token sees itself, the second the mean of both
    [2.0, 3.0]
    """
    T_q, T_k = q.shape[-2], k.shape[-2]
    s = q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])  # (..., T_q, T_k)
    if bias is not None:
        s = s + bias
    if causal:
        s = np.where(np.tri(T_q, T_k, T_k - T_q, dtype=bool), s, -np.inf)
    w = softmax(s)  # each row sums to one
    return w @ v, w


def multi_head_attention(x, W_q, W_k, W_v, W_o, causal=True, bias=None):
    """Every head attends with projections of its own; their outputs are added up (eq:heads).

    x              (T, d)
    W_q, W_k, W_v  (H, d, D)
    W_o            (H, D, d)
    returns        (T, d)
    """
    q, k, v = x @ W_q, x @ W_k, x @ W_v  # (H, T, D) each
    y, _ = scaled_dot_product_attention(q, k, v, causal, bias)  # (H, T, D)
    return (y @ W_o).sum(0)  # joining the heads and multiplying by one tall matrix is the same sum


def example():
    """The page's example by hand: one query, two keys; y (1, 1) and w (1, 2)."""
    return scaled_dot_product_attention(np.array([[2.0, 0]]), np.array([[1.0, 1], [0, 2]]), np.array([[10.0], [20]]))


# ---- what softmax does to scores


def entropy_bits(w):
    """−Σ w log₂ w along the last axis: 0 when one weight has everything, log₂ n when n share alike."""
    return -np.sum(w * np.log2(np.where(w > 0, w, 1)), -1)


def jacobian_norm(w):
    """‖∂w/∂s‖, the Frobenius norm of diag(w) − w wᵀ along the last axis (eq:jacobian): how much the weights still
    move when a score does.

    >>> jacobian_norm(np.array([1.0, 0.0])), jacobian_norm(np.array([0.5, 0.5]))
    (np.float64(0.0), np.float64(0.5))
    """
    squares = np.sum(w**2, -1)
    return np.sqrt(np.maximum(squares - 2 * np.sum(w**3, -1) + squares**2, 0))


def soft_cap(s, c):
    """Scores bent so that none leaves ±c, and small ones hardly change (eq:held).

    >>> soft_cap(np.array([1.0, 50.0, 5000.0]), 50.0).round(2).tolist()
    [1.0, 38.08, 50.0]
    """
    return c * np.tanh(s / c)


# ---- heads that copy


def induction_score(w, n):
    """How much a head attends to what followed last time (Olsson et al. 2022).

    w        (..., T, T)  weights over a text whose last n tokens repeat an earlier stretch, token by token, after one
             token between the two
    returns  (...,)       the mean weight, over the repeated tokens but the last, on the token after their first copy
    """
    T = w.shape[-1]
    t = np.arange(T - n, T - 1)  # the repeated tokens; the first copy of token t stands at t − n − 1
    return w[..., t, t - n].mean(-1)


# ---- what a block costs


def block_steps(name, T_q, T_k, square=False):
    """The steps of one block of a real model: the last T_q of T_k tokens at work (eq:block).

    square   count the masked pairs, too, as a plain matrix product computes them
    returns  [(step, shapes, FLOP, what it grows with)]
    """
    m, F = MODELS[name], hidden(name)
    T, d, H, H_kv, D = T_q, m.d, m.H, m.H_kv, m.D
    pairs = T_q * T_k - (0 if square else T_q * (T_q - 1) // 2)
    return [
        ("queries", f"({T}, {d}) · ({d}, {H * D})", 2 * T * d * H * D, "T"),
        ("keys and values", f"({T}, {d}) · ({d}, {H_kv * D}), twice", 4 * T * d * H_kv * D, "T"),
        ("scores q·k", f"{H} × ({T}, {D}) · ({D}, {T_k})", 2 * H * pairs * D, "T²"),
        ("mixing of values", f"{H} × ({T}, {T_k}) · ({T_k}, {D})", 2 * H * pairs * D, "T²"),
        ("output", f"({T}, {H * D}) · ({H * D}, {d})", 2 * T * H * D * d, "T"),
        ("feed-forward", f"{m.feeds} matrices of {d:,} × {F:,}", 2 * m.feeds * T * d * F, "T"),
    ]


def hidden(name):
    """The width F of the feed-forward part that a token passes: of a mixture, that of all its experts together."""
    m = MODELS[name]
    return (m.experts.k + m.experts.shared) * m.experts.F if m.experts else m.F


def crossover(name):
    """The tokens of a prompt whose scores and mixing cost as much as all else in a block (eq:crossover)."""
    m = MODELS[name]
    return (2 * m.d * m.D * (m.H + m.H_kv) + m.feeds * m.d * hidden(name)) / (m.H * m.D) - 1


def pair_share(name, T, square=False):
    """The share of a block's FLOP that scores and mixing take in a prompt of T tokens."""
    steps = block_steps(name, T, T, square)
    return sum(f for *_, f, grows in steps if grows == "T²") / sum(f for *_, f, _ in steps)
