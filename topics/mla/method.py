"""Multi-head latent attention: cache one latent for each token; rebuild keys and values from it, or never do.

T tokens in the cache, n of them new   d model width   H heads   D width of a head's key and value   L layers
H_kv key/value heads   d_c width of the latent   d_R width of the rotary key, one for all heads   b bytes a number
x a token's vector   c its latent   k_R its rotary key   q, q_R a head's query for the keys, and for the rotary key
Matrices are stored (out, in). A FLOP is one addition or one multiplication, so a multiply-add is two.
"""

from collections import namedtuple

import numpy as np

from topics.kit.model.rotary import apply_rope, rope_frequencies
from topics.kit.numerics import softmax
from topics.kit.real.costs import roofline_time
from topics.kit.real.hardware import GPUS

# ---- the layer


# What a layer has learned, under the names that DeepSeek's report gives (arXiv 2405.04434):
# Q (H, D, d) and QR (H, d_R, d) make the queries, DKV (d_c, d) the latent, KR (d_R, d) the rotary key;
# UK and UV (H, D, d_c) lead up to keys and values, O (H, d, D) from each head to the output
Matrices = namedtuple("Matrices", "Q QR DKV KR UK UV O")


def rotate(x, positions):
    """Turn the pairs (x₀, x₁), (x₂, x₃), … by the positions, as rotary position embedding does.

    x  (n, ..., width), width even      positions  (n,)

    >>> rotate(np.array([[1.0, 0.0]]), np.array([np.pi / 2])).round(9).tolist()
    [[0.0, 1.0]]
    """
    angles = np.multiply.outer(positions, rope_frequencies(x.shape[-1], 10_000))  # (n, width/2)
    return apply_rope(x, angles.reshape(len(x), *[1] * (x.ndim - 2), -1), interleaved=True)


def ask_and_store(x, W, store=None):
    """The queries of n new tokens, and the cache with their rows (eq:latent, eq:decoupled).

    x        (n, d)
    store    c (t, d_c) and k_R (t, d_R) of the tokens before; None: there are none
    returns  q (n, H, D), q_R (n, H, d_R) and the grown store
    """
    c, k_R = store or (np.zeros((0, len(W.DKV))), np.zeros((0, len(W.KR))))
    positions = np.arange(len(c), len(c) + len(x))
    q = np.einsum("hDd,nd->nhD", W.Q, x)
    q_R = rotate(np.einsum("hrd,nd->nhr", W.QR, x), positions)
    return q, q_R, (np.vstack([c, x @ W.DKV.T]), np.vstack([k_R, rotate(x @ W.KR.T, positions)]))


def weigh(content, position, D, d_R):
    """Attention weights (H, n, t) from the two parts of the scores: content, position (H, n, t); no token sees a
    later one (eq:decoupled)."""
    n, t = content.shape[1:]
    s = (content + position) / np.sqrt(D + d_R)
    return softmax(np.where(np.tri(n, t, t - n, dtype=bool), s, -np.inf))


def mla_forward(x, W, store=None):
    """Rebuild every key and value from the latents, then attend as ever (eq:latent).

    x        (n, d)  new tokens
    W        Matrices
    store    the cache: c (t, d_c), k_R (t, d_R), or None
    returns  (n, d) and the grown store
    """
    q, q_R, (c, k_R) = ask_and_store(x, W, store)  # c (t+n, d_c)
    k = np.einsum("hDc,tc->thD", W.UK, c)  # (t+n, H, D)
    v = np.einsum("hDc,tc->thD", W.UV, c)  # (t+n, H, D)
    content, position = np.einsum("nhD,thD->hnt", q, k), np.einsum("nhr,tr->hnt", q_R, k_R)
    w = weigh(content, position, q.shape[-1], q_R.shape[-1])  # (H, n, t+n)
    y = np.einsum("hnt,thD->nhD", w, v)  # (n, H, D)
    return np.einsum("hdD,nhD->nd", W.O, y), (c, k_R)


def mla_absorbed(x, W, store=None):
    """The same without a key or a value: queries meet the latents, and one mixture comes up (eq:absorb).

    Arguments and results are those of mla_forward: x (n, d), to (n, d) and the grown store.
    """
    q, q_R, (c, k_R) = ask_and_store(x, W, store)  # c (t+n, d_c)
    a = np.einsum("hDc,nhD->nhc", W.UK, q)  # (n, H, d_c): the query, as a latent sees it
    content, position = np.einsum("nhc,tc->hnt", a, c), np.einsum("nhr,tr->hnt", q_R, k_R)
    w = weigh(content, position, q.shape[-1], q_R.shape[-1])  # (H, n, t+n)
    z = np.einsum("hnt,tc->nhc", w, c)  # (n, H, d_c): a mixture of latents
    y = np.einsum("hDc,nhc->nhD", W.UV, z)  # (n, H, D)
    return np.einsum("hdD,nhD->nd", W.O, y), (c, k_R)


def random_matrices(rng, d, H, D, d_c, d_R):
    """Matrices of independent numbers, scaled so that what comes out is about as large as what goes in."""
    shapes = Matrices((H, D, d), (H, d_R, d), (d_c, d), (d_R, d), (H, D, d_c), (H, D, d_c), (H, d, D))
    return Matrices(*[rng.normal(0, shape[-1] ** -0.5, shape) for shape in shapes])


# ---- what it costs


def latent_cache_bytes(T, L, d_c, d_R, b):
    """Bytes of the latents and rotary keys of T tokens (eq:bytes).

    >>> latent_cache_bytes(T=1, L=60, d_c=512, d_R=64, b=2)   # DeepSeek-V2, one token
    69120
    """
    return T * L * (d_c + d_R) * b


WAYS = ("keys and values", "latent, rebuilt", "latent, absorbed")  # what is cached, and what is made of it


def decode_work(way, T, n=1, H=128, D=128, d_c=512, d_R=64, b=2):
    """FLOP and bytes that T cached tokens cost one layer when n new ones attend to all of them (eq:intensity).

    Left out is what does not grow with T: projections, and what is done once for each new token.

    >>> flop, moved = decode_work("latent, absorbed", T=1)
    >>> flop, moved, round(flop / moved)   # DeepSeek's sizes
    (278528, 1152, 242)
    """
    expanded = 2 * D + d_R  # numbers of a head's key, rotary part included, and its value
    if way == "keys and values":
        return 2 * n * T * H * expanded, T * H * expanded * b
    if way == "latent, rebuilt":
        return 2 * n * T * H * expanded + 4 * T * H * D * d_c, T * (d_c + d_R) * b
    return 2 * n * T * H * (2 * d_c + d_R), T * (d_c + d_R) * b


def intensity(way, **sizes):
    """FLOP for each byte of decode_work (eq:intensity)."""
    flop, moved = decode_work(way, 1, **sizes)
    return flop / moved


def decode_time(way, gpu, T, **sizes):
    """Seconds at best on a GPU: the slower of computing and reading."""
    return roofline_time(decode_work(way, T, **sizes), GPUS[gpu])


# ---- low rank


def best_latent(W, d_c, root=None):
    """The two matrices whose product is nearest to W on the inputs that count (eq:best).

    W        (m, d)   keys' and values' matrices, stacked
    root     (d, d)   a square root of the inputs' second moments; None: all directions count alike
    returns  up (m, d_c) and down (d_c, d)
    """
    Phi = np.linalg.svd(W if root is None else W @ root, full_matrices=False)[0][:, :d_c]  # (m, d_c)
    return Phi, Phi.T @ W


def missed(W, d_c, root=None):
    """The share of the squared length of keys and values that the best latent of each width misses.

    d_c      a list of widths
    returns  a list of shares, 0 to 1
    """
    s = np.linalg.svd(W if root is None else W @ root, compute_uv=False) ** 2
    tails = np.append(np.cumsum(s[::-1])[::-1], 0)  # tails[r]: what r directions leave
    return [float(tails[min(r, len(s))] / tails[0]) for r in d_c]


def pooled(W, H, H_kv):
    """Keys and values of H heads, each replaced by the mean of its group: of all shared heads the nearest.

    W        (2·H·D, d)  keys of all heads, then values
    returns  like W
    """
    heads = W.reshape(2, H_kv, H // H_kv, -1, W.shape[-1])  # (2, H_kv, H/H_kv, D, d)
    return np.broadcast_to(heads.mean(2, keepdims=True), heads.shape).reshape(W.shape)


def missed_by_groups(W, H, H_kv, root=None):
    """The share that H_kv groups of neighbouring heads miss."""
    return squared(W - pooled(W, H, H_kv), root) / squared(W, root)


def squared(W, root):
    return float(((W if root is None else W @ root) ** 2).sum())
