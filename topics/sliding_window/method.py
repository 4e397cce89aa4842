"""Sliding window attention: each layer looks a fixed number of words back, and depth carries what it sees further.

T tokens   W window, the number of tokens that one sees, itself included   L layers
i asks, j answers   D head width   k, v a token's key and value   w weights
ρ share of a layer's output that its attention makes; the rest is its input, which passes it by
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


def weight_by_distance(layers, share=1.0):
    """How much of each input word is in the last token, if all that layers did were to mix (eq:product).

    layers    (L, T, T) weights, the first layer first
    share     ρ: 1 leaves the residual stream out, 0.5 is attention rollout (eq:residual)
    returns   (T,) by words back, 0 being the token itself; sums to one
    """
    row = np.eye(layers.shape[-1])[-1]  # all of the last token, at the top
    for w in layers[::-1]:
        row = (1 - share) * row + share * (row @ w)
    return row[::-1]


def mass_reach(weight, share=0.9):
    """The fewest words back within which that share of the weight lies.

    >>> mass_reach(np.array([0.5, 0.3, 0.15, 0.05]))
    2
    """
    return int(np.argmax(np.cumsum(weight) > share - 1e-9))


def even_reach(L, W, share=1.0):
    """mass_reach where every token of every window counts alike: the steps back add up as L throws of one die, which
    are products of its generating function."""
    n = receptive_field(L, W)
    die = np.fft.rfft(np.full(W, 1 / W), n)
    return mass_reach(np.fft.irfft(((1 - share) + share * die) ** L, n))


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


def near_and_far(model):
    """A model's two groups of layers: those that forget, by a window or into a state, and those that see everything.

    Where all forget, as in Mistral 7B, the second group has no layer, and the first one's shape with its window open.
    """
    far = [layers for layers in model.layers if layers.window is None and not layers.state]
    (near,) = (layers for layers in model.layers if layers not in far)
    return near, (far or [near._replace(n=0, window=None)])[0]


def respaced(model, local):
    """The same model, had it `local` forgetting layers before each that sees everything; None: no layer does.

    >>> from topics.kit.real.models import MODELS
    >>> [layers.n for layers in respaced(MODELS["Gemma 3 27B"], 11).layers]
    [57, 5]
    """
    (near, far), n = near_and_far(model), global_layers(model.L, local)
    return model._replace(layers=(near._replace(n=model.L - n), far._replace(n=n)))


def global_layers(L, local):
    """How many of L layers see everything when `local` others stand before each of them; None: no layer does.

    >>> global_layers(62, 5)   # Gemma 3 27B
    10
    """
    return 0 if local is None else L // (local + 1)
