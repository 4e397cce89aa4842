"""Multi-query attention: many heads ask, one key head and one value head answer them all.

T tokens in the context   n new tokens of a user at once   B users   b bytes per cached number
H query heads of width D   H_kv key/value heads   d model width   F feed-forward width   L layers
q, k, v a token's query, key and value   s scores   w weights   y output
A FLOP is one addition or one multiplication, so a multiply-add is two.
"""

import numpy as np

from topics.kit.numerics import softmax
from topics.kit.real.costs import cache_bytes, matrices_works, pairs_work, time_of
from topics.kit.real.hardware import GPUS
from topics.kit.real.models import MODELS

# ---- the attention itself


def multi_query_attention(x, W_q, W_k, W_v, W_o):
    """Causal attention of H query heads to one key head and one value head (eq:mqa).

    x         (T, d)
    W_q       (H, d, D)
    W_k, W_v  (d, D)     no head axis: these two are all that a cache must keep of a token
    W_o       (H, D, d)
    returns   (T, d)
    """
    T, D = len(x), W_k.shape[1]
    q, k, v = x @ W_q, x @ W_k, x @ W_v  # (H, T, D), (T, D), (T, D)
    s = q @ k.T / np.sqrt(D)  # (H, T, T): every head's queries meet the same keys
    w = softmax(np.where(np.tri(T, dtype=bool), s, -np.inf))
    return (w @ v @ W_o).sum(0)


def example():
    """The page's example by hand: two query heads, two tokens. Weights (2, 2), a row a head, and outputs (2,)."""
    q, k, v = np.array([[2.0, 0], [0, 2]]), np.array([[1.0, 0], [0, 1]]), np.array([10.0, 20])
    w = softmax(q @ k.T / np.sqrt(2))
    return w, w @ v


def mean_pool_heads(W, H_kv):
    """Average neighbouring heads, so that H_kv are left (eq:pool).

    W        (H, ...)     one projection matrix a head
    returns  (H_kv, ...)

    >>> mean_pool_heads(np.array([1.0, 3.0, 5.0, 7.0]), 2).tolist()
    [2.0, 6.0]
    """
    return W.reshape(H_kv, len(W) // H_kv, *W.shape[1:]).mean(1)


# ---- what it costs


def decode_intensity(H, H_kv, b=2, n=1):
    """FLOP of scores and mixing for each byte of keys and values that is read (eq:intensity).

    >>> decode_intensity(H=32, H_kv=32), decode_intensity(H=32, H_kv=1)
    (1.0, 32.0)
    """
    return 2 * n * H / (b * H_kv)


def layer_parameters(m, H_kv):
    """Parameters of one layer of a dense model of the kit, had it H_kv key/value heads (eq:layer): queries and output,
    keys and values, feed-forward."""
    return 2 * m.d * m.D * m.H, 2 * m.d * m.D * H_kv, m.feeds * m.d * m.F


def parameters(name, H_kv):
    """Parameters of a whole model, had it H_kv key/value heads.

    >>> parameters("Llama-2-7B", 32) == MODELS["Llama-2-7B"].parameters
    True
    """
    m = MODELS[name]
    return m.parameters - m.L * (layer_parameters(m, m.H_kv)[1] - layer_parameters(m, H_kv)[1])


def cache_of(name, H_kv):
    """cache_bytes of a model of the kit, had it H_kv key/value heads."""
    m = MODELS[name]
    return cache_bytes(1, m.L, H_kv, m.D)


def with_heads(name, H_kv):
    """A model of the kit, had it H_kv key/value heads."""
    m = MODELS[name]
    return m._replace(layers=(m.layers[0]._replace(H_kv=H_kv),), parameters=parameters(name, H_kv))


def step_works(name, T, B, H_kv, kind="BF16", n=1):
    """A decode step's FLOP and bytes, a pair for the matrices, in a mixture one more for its experts, and last one for
    scores and mixing: B users with T tokens each, on n GPUs that split heads (eq:step)."""
    m = with_heads(name, H_kv)
    return *matrices_works(m, B, kind), pairs_work(m, T, B, n=n)


def step_ms(name, gpu, T, B, H_kv, kind="BF16"):
    """Milliseconds of that step at best: all works, each the slower of computing and reading."""
    return 1000 * time_of(step_works(name, T, B, H_kv, kind, GPUS[gpu].n), GPUS[gpu])
