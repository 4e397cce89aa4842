"""What a token leaves in the cache when heads share keys and values, for real models. Knows no page.

L layers   H query heads of width D   H_kv groups, each with one key and one value head   T tokens
d_c width of MLA's latent   d_R width of its rotary key
"""

from typing import NamedTuple

from topics.kit.real.costs import held, users_that_fit
from topics.kit.real.models import MODELS, alike

WAYS = ("MHA", "GQA", "MQA", "MLA")


class Cached(NamedTuple):
    """What of a model its cache depends on, and the way in which it was trained: "MHA", "GQA", "MQA" or "MLA"."""

    L: int
    H: int
    D: int
    H_kv: int  # groups of its GQA, or those that it could have had
    way: str
    parameters: int
    context: int


def _cached(m):
    """A model whose layers are all alike, by the way in which it shares keys and values."""
    (layers,) = m.layers
    way = "MLA" if layers.latent else "GQA" if layers.H_kv < layers.H else "MHA"
    return Cached(m.L, layers.H, layers.D, layers.H_kv if way == "GQA" else 8, way, m.parameters, m.context)


def _comparable(m):
    """Whether one can ask what a model had cached, had its heads shared otherwise: all tokens, in layers alike."""
    each = m.layers[0]
    return alike(m) and not (each.window or each.index or each.state) and (each.H_kv < each.H or each.H % 8 == 0)


CACHED = {name: _cached(m) for name, m in MODELS.items() if _comparable(m)}


def elements(way, H, D, H_kv):
    """Numbers that a token leaves in one layer's cache. MLA with d_c = 4 D and d_R = D/2, as DeepSeek chose them.

    >>> [elements(way, H=32, D=128, H_kv=8) for way in WAYS]
    [8192, 2048, 256, 576]
    """
    return {"MHA": 2 * H * D, "GQA": 2 * H_kv * D, "MQA": 2 * D, "MLA": 4 * D + D // 2}[way]


def token_bytes(name, way=None, b=2, n=1):
    """Bytes that a token leaves in the whole cache of a model, as it is or had it been built another way, at b bytes a
    number, on n GPUs together that split heads: one head, or a latent, is kept n times.

    >>> [token_bytes("Llama-3.1-70B", way, n=8) // token_bytes("Llama-3.1-70B", way) for way in WAYS]
    [1, 1, 8, 8]
    """
    m = CACHED[name]
    way = way or m.way
    heads = {"MHA": m.H, "GQA": m.H_kv, "MQA": 1, "MLA": 1}[way]
    return m.L * elements(way, m.H, m.D, m.H_kv) * b * held(heads, n) // heads


def users_of(name, way, T, gpu):
    """Whole caches of T tokens that fit into a GPU beside a model's weights at 16 bits, had it been built this way.
    Several GPUs split heads."""
    return users_that_fit(gpu.memory, 2 * CACHED[name].parameters, T * token_bytes(name, way, n=gpu.n))
