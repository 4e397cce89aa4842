"""What a token leaves in the cache when heads share keys and values, for real models. Knows no page.

L layers   H query heads of width D   H_kv groups, each with one key and one value head   T tokens
d_c width of MLA's latent   d_R width of its rotary key
"""

from typing import NamedTuple

from topics.kit.real.costs import users_that_fit
from topics.kit.real.models import MODELS

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


# deepseek2024v2 and deepseek2024v3: 128 heads of width 128, d_c = 512, d_R = 64; totals as the reports round them
CACHED = {
    name: Cached(m.L, m.H, m.D, m.H_kv, "GQA", m.parameters, m.context)
    if m.H_kv < m.H
    else Cached(m.L, m.H, m.D, 8, "MHA", m.parameters, m.context)
    for name, m in MODELS.items()
    if m.H_kv < m.H or m.H % 8 == 0
} | {
    "DeepSeek-V2": Cached(60, 128, 128, 8, "MLA", 236_000_000_000, 131_072),
    "DeepSeek-V3": Cached(61, 128, 128, 8, "MLA", 671_000_000_000, 131_072),
}


def elements(way, H, D, H_kv):
    """Numbers that a token leaves in one layer's cache. MLA with d_c = 4 D and d_R = D/2, as DeepSeek chose them.

    >>> [elements(way, H=32, D=128, H_kv=8) for way in WAYS]
    [8192, 2048, 256, 576]
    """
    return {"MHA": 2 * H * D, "GQA": 2 * H_kv * D, "MQA": 2 * D, "MLA": 4 * D + D // 2}[way]


def token_bytes(name, way=None, b=2):
    """Bytes that a token leaves in the whole cache of a model, as it is or had it been built another way, at b bytes a
    number."""
    m = CACHED[name]
    return m.L * elements(way or m.way, m.H, m.D, m.H_kv) * b


def users_of(name, way, T, gpu):
    """Whole caches of T tokens that fit into a GPU beside a model's weights at 16 bits, had it been built this way."""
    return users_that_fit(gpu.memory, 2 * CACHED[name].parameters, T * token_bytes(name, way))
