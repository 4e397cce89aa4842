"""Sliding window attention: each layer looks a fixed number of words back, and depth carries what it sees further.

T tokens   W window, the number of tokens that one sees, itself included   L layers, of which L_g see everything
i asks, j answers   D head width   H_kv key/value heads   b bytes per cached number
q, k, v a token's query, key and value   w weights   y output
"""

import numpy as np

# ---- the window


def sliding_window_mask(T, W, keep=0):
    """Which tokens each of T may attend to: itself and the W − 1 before it (eq:window).

    keep     the first tokens of the text that stay visible from everywhere
    returns  (T, T) bool; row i has min(i + 1, W) true entries when keep is 0

    >>> sliding_window_mask(4, 2).astype(int).tolist()
    [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]
    """
    if W < 1:
        raise ValueError(f"a window counts the token itself, so W is at least 1, not {W}: a row without keys is 0 / 0")
    i, j = np.arange(T)[:, None], np.arange(T)
    return (j <= i) & ((i - j < W) | (j < keep))


def receptive_field(L, W):
    """The most tokens that can reach one token through L layers, itself included (eq:reach).

    >>> receptive_field(L=32, W=4096)   # Mistral 7B
    131041
    """
    return L * (W - 1) + 1


def weight_by_distance(layers, residual=False):
    """How much of each input word is in the last token, if all that layers did were to mix (eq:product).

    layers    (L, T, T) weights, the first layer first
    residual  count the stream that passes each layer by as half of its output
    returns   (T,) by words back, 0 being the token itself; sums to one
    """
    row = np.eye(layers.shape[-1])[-1]  # all of the last token, at the top
    for w in layers[::-1]:
        row = (row + row @ w) / 2 if residual else row @ w
    return row[::-1]


def mass_reach(weight, share=0.9):
    """The fewest words back within which that share of the weight lies.

    >>> mass_reach(np.array([0.5, 0.3, 0.15, 0.05]))
    2
    """
    return int(np.argmax(np.cumsum(weight) > share - 1e-9))


def even_reach(L, W, residual=False):
    """mass_reach where every token of every window counts alike: the steps back add up as L throws of one die, which
    are products of its generating function."""
    n = receptive_field(L, W)
    die = np.fft.rfft(np.full(W, 1 / W), n)
    return mass_reach(np.fft.irfft(((1 + die) / 2 if residual else die) ** L, n))


# ---- the cache that rolls


def rolling_cache(k, v, K, V, t):
    """Store token t, counted from 0, in the slot of the token that has just left the window (eq:slot).

    k, v     (D,)    its key and value
    K, V     (W, D)  the buffers
    returns  K, V with token t, and how many slots hold a token
    """
    K, V, W = K.copy(), V.copy(), len(K)
    K[t % W], V[t % W] = k, v
    return K, V, min(t + 1, W)


def window_cache_bytes(T, W, L, L_g, H_kv, D, b=2):
    """Bytes of one text of T tokens, where L_g of L layers see everything and the others a window (eq:bytes).

    >>> window_cache_bytes(32_768, 4096, L=32, L_g=0, H_kv=8, D=128) / 2**20   # Mistral 7B, in MiB
    512.0
    """
    return 2 * H_kv * D * b * (L_g * T + (L - L_g) * min(T, W))
