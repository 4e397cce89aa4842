"""KV cache: keep every past key and value, so that a new token costs one row of attention.

T tokens in the context   L layers   H query heads   H_kv key/value heads   D head width   d model width
B users served at once    b bytes per cached number   N parameters that a token passes, b_w bytes each
A FLOP is one addition or one multiplication, so a multiply-add is two.
"""

import numpy as np

from topics.kit.numerics import GIB, KIB, softmax
from topics.kit.real.costs import (
    cache_bytes,  # noqa: F401
    matrices_works,
    pairs_work,
    parameters_read,
    prompt_flops,
    text_bytes,
    time_of,
    weights_bytes,
    weights_read,
)
from topics.kit.real.hardware import GPUS
from topics.kit.real.models import MODELS

# ---- the cache itself


def decode_step(q, k, v, K, V):
    """Append one token to the cache and attend to all of it (eq:decode).

    q        (H, D)         the new token's query, one row a head
    k, v     (H_kv, D)      its key and value; H/H_kv query heads share each row
    K, V     (t, H_kv, D)   the cache so far
    returns  y (H, D) and the grown K, V (t+1, H_kv, D)

    >>> q = k = np.ones((1, 4)); v = np.full((1, 4), 7.0); empty = np.empty((0, 1, 4))
    >>> y, K, V = decode_step(q, k, v, empty, empty)   # alone, a token can only read its own value
    >>> y.tolist(), K.shape
    ([[7.0, 7.0, 7.0, 7.0]], (1, 1, 4))
    """
    K = np.concatenate([K, k[None]])  # (t+1, H_kv, D)
    V = np.concatenate([V, v[None]])  # (t+1, H_kv, D)
    share = q.shape[0] // K.shape[1]  # query head h reads cached head h // share
    scores = np.einsum("hd,thd->ht", q, np.repeat(K, share, axis=1)) / np.sqrt(q.shape[1])  # (H, t+1)
    y = np.einsum("ht,thd->hd", softmax(scores), np.repeat(V, share, axis=1))  # (H, D)
    return y, K, V


def prefill(q, k, v):
    """Attend for T tokens at once, each to itself and the ones before it (eq:prefill).

    q        (T, H, D)      k, v  (T, H_kv, D)
    returns  y (T, H, D), and k, v: as they stand, they are the cache

    >>> y, K, V = prefill(np.zeros((2, 1, 1)), np.zeros((2, 1, 1)), np.array([[[2.0]], [[4.0]]]))
    >>> y.ravel().tolist()   # equal scores: the first token reads 2, the second the mean of 2 and 4
    [2.0, 3.0]
    """
    T, H, D = q.shape
    share = H // k.shape[1]
    scores = np.einsum("qhd,thd->hqt", q, np.repeat(k, share, axis=1)) / np.sqrt(D)  # (H, T, T)
    scores = np.where(np.tri(T, dtype=bool), scores, -np.inf)  # no token sees a later one
    y = np.einsum("hqt,thd->qhd", softmax(scores), np.repeat(v, share, axis=1))  # (T, H, D)
    return y, k, v


def forward(layers, x, caches=None):
    """A stack of attention layers: all rows of x at once, or one new row on top of its caches.

    layers   a list of W_q (d, H, D), W_k and W_v (d, H_kv, D), W_o (H, D, d)
    x        (T, d), T = 1 with caches
    returns  y like x, and each layer's K, V with the new rows
    """
    grown = []
    for i, (W_q, W_k, W_v, W_o) in enumerate(layers):
        q, k, v = (np.tensordot(x, W, 1) for W in (W_q, W_k, W_v))  # q (T, H, D), k and v (T, H_kv, D)
        if caches is None:
            y, K, V = prefill(q, k, v)  # y (T, H, D)
        else:
            y, K, V = decode_step(q[0], k[0], v[0], *caches[i])  # y (H, D)
        x = x + np.tensordot(y.reshape(len(x), *q.shape[1:]), W_o, 2)  # residual, (T, d)
        grown.append((K, V))
    return x, grown


def generate(layers, prompt, steps, cached=True):
    """Make `steps` vectors, each the stack's last output fed back as its next input.

    There is no vocabulary here: where a model would pick a token and look up its vector, this
    rescales the output to unit mean square.

    prompt   (T, d)
    returns  (steps, d)
    """
    x, caches, made = prompt, None, []
    for _ in range(steps):
        y, grown = forward(layers, x if caches is None else x[-1:], caches)  # one row, or all of them again
        caches = grown if cached else None
        made.append(y[-1] / np.sqrt(np.mean(y[-1] ** 2)))  # (d,)
        x = np.vstack([x, made[-1]])  # one row longer
    return np.array(made)


# ---- what it costs


def cache_of(name, T=1, b=2):
    """Bytes that a model of the kit's table keeps of a text of T tokens."""
    return text_bytes(MODELS[name], T, b)


def further_kib(name):
    """KiB that a further token adds to a model's cache, once the text is longer than all of its windows."""
    return (cache_of(name, 2**18 + 1) - cache_of(name, 2**18)) / KIB


def full_gib(name):
    """GiB of a model's cache at the longest text that it was made for."""
    return cache_of(name, MODELS[name].context) / GIB


def weight_bytes(name, kind="BF16"):
    """Bytes of a model's weights, stored in one of the kit's WEIGHTS."""
    return weights_bytes(MODELS[name], kind)


def layer_flops(new, T, d, H, H_kv, D):
    """FLOP of one attention layer for `new` tokens that each meet T keys (eq:work).

    With a cache new = 1; without one new = T, every row again.

    >>> layer_flops(1, 6, 4, 1, 1, 4), layer_flops(6, 6, 4, 1, 1, 4)
    (224, 1344)
    """
    projections = 2 * d * D * (2 * H + 2 * H_kv)  # q and output: H heads each; k and v: H_kv each
    attention = 4 * H * D * T  # T scores and T weighted values, D multiply-adds each
    return new * (projections + attention)


def decode_works(name, T, B, kind="BF16", n=1):
    """A decode step's FLOP and bytes, a pair for the matrices, in a mixture one more for its experts, and last one for
    scores and mixing: B users, each one new token that meets T keys, on n GPUs that split heads (eq:step)."""
    return *matrices_works(MODELS[name], B, kind), pairs_work(MODELS[name], T, B, n=n)


def prefill_works(name, T, B, kind="BF16", n=1):
    """FLOP and bytes for B prompts of T tokens, in pairs as in decode_works; token t meets t keys.

    Only the last token's logits are computed. Weights are read once, caches are written once.
    """
    m = MODELS[name]
    logits = 2 * m.vocabulary * m.d
    (flops, read), *experts = matrices_works(m, B * T, kind)
    pairs = B * prompt_flops(m, T), B * text_bytes(m, T, n=n)
    return (flops - B * (T - 1) * logits, read), *experts, pairs


def arithmetic_intensity(work):
    """FLOP done for each byte moved (eq:intensity).

    >>> arithmetic_intensity((20, 10))
    2.0
    """
    flops, moved = work
    return flops / moved


def decode_time(name, gpu, T, B, kind="BF16"):
    """Seconds at best for one decode step, which gives each of B users one token.

    >>> round(1000 * decode_time("Llama-3.1-8B", "H100", T=1, B=1), 1)   # 15.01 GB at 3,350 GB/s, in ms
    4.5
    """
    return time_of(decode_works(name, T, B, kind, GPUS[gpu].n), GPUS[gpu])


def with_prompts(answer, name="Llama-3.1-8B", gpu="H100", T=8192, B=32):
    """Tokens a second for B users if the same GPU reads their prompts of T tokens, one after the other, and then writes
    answers of so many tokens; their caches are taken as T long throughout."""
    prompt = time_of(prefill_works(name, T, 1, n=GPUS[gpu].n), GPUS[gpu])
    return B * answer / (B * prompt + answer * decode_time(name, gpu, T, B))


def states_in_tokens(b=2):
    """Tokens that weigh as much in Qwen3-Next's cache as its states, whose matrices take b bytes a number. The inputs
    of their convolutions stay at two."""
    full, linear = MODELS["Qwen3-Next-80B-A3B"].layers
    matrices = linear.H * linear.D**2
    return linear.n * (b * matrices + 2 * (linear.state - matrices)) / (2 * full.n * 2 * full.H_kv * full.D)


def share_read(name, B):
    """Of all parameters of a model those that a step of B tokens reads, in percent."""
    return 100 * parameters_read(MODELS[name], B) / MODELS[name].parameters


def ridge(gpu):
    """FLOP for each byte at which computing takes as long as reading."""
    return GPUS[gpu].flops / GPUS[gpu].bandwidth


def crossover_batch(name, T, kind="BF16", n=1):
    """The number of users whose caches on n GPUs together weigh as much as the weights that their step reads."""
    return settled(lambda B: weights_read(MODELS[name], B, kind) / text_bytes(MODELS[name], T, n=n))


def ridge_batch(name, gpu, kind="BF16", part=0):
    """The number of users from which on arithmetic sets the pace of the matrices that all tokens pass (part 0), or of
    a mixture's experts (part 1)."""
    flops, _ = matrices_works(MODELS[name], 1, kind)[part]
    return settled(lambda B: ridge(gpu) * matrices_works(MODELS[name], B, kind)[part][1] / flops)


def settled(step, B=1.0):
    """The B that a step leaves as it is. A dense model's step is a constant; a mixture's grows ever more slowly."""
    for _ in range(200):
        B, before = step(B), B
        if abs(B - before) < 1e-9 * B:
            break
    return B
