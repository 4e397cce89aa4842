"""What a token leaves in the cache when heads share keys and values, for real models: the calculator and the picture
that the pages on MQA, GQA and MLA have in common. Knows no page.

L layers   H query heads of width D   H_kv groups, each with one key and one value head   T tokens
d_c width of MLA's latent   d_R width of its rotary key
"""

from typing import NamedTuple

from topics.kit.costs import users_that_fit
from topics.kit.models import MODELS
from topics.kit.numerics import GIB, KIB
from topics.kit.traces import bars
from topics.kit.views import Figure, Metrics, Note, Table
from topics.kit.words import beyond, counted, short

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


def ladder(here, name, T, gpu_name, gpu):
    """A model's cache of T tokens under each way, the page's own (`here`) in colour: Figure, Table, Metrics and Note.

    gpu  a GPU of topics.kit.hardware, by the name gpu_name
    """
    m = CACHED[name]
    names = [f"GQA-{m.H_kv}" if way == "GQA" else way for way in WAYS]
    kib = [token_bytes(name, way) / KIB for way in WAYS]
    weights = 2 * m.parameters
    free = gpu.memory - weights
    users = [users_of(name, way, T, gpu) for way in WAYS]
    rows = [
        [text + (" (as it is)" if way == m.way else ""), elements(way, m.H, m.D, m.H_kv), x, x * KIB * T / GIB, n]
        for way, text, x, n in zip(WAYS, names, kib, users, strict=True)
    ]
    own = elements(here, m.H, m.D, m.H_kv)
    gib = [x * KIB * T / GIB for x in kib]
    # beside the bars: small ones have no room for texts
    labels = [f"{text}: {short(x)} GiB" for text, x in zip(names, gib, strict=True)]
    colored = [x if way == here else None for way, x in zip(WAYS, gib, strict=True)]
    plain = [x if way != here else None for way, x in zip(WAYS, gib, strict=True)]
    figure = Figure(
        [
            bars(plain, labels, "other ways", "reference", orientation="h"),
            bars(colored, labels, here, "key", orientation="h"),
        ],
        x_title="Cache of one text (GiB)",
        alt=f"{name}, {T:,} tokens, {gpu_name}. A text takes "
        + "; ".join(f"{text}, {counted(n, 'user')}" for text, n in zip(labels, users, strict=True)) + ".",
        height=260,
        barmode="stack",
        showlegend=False,
        yaxis={"autorange": "reversed"},
    )  # fmt: skip
    metrics = Metrics(
        (f"At the bytes of {here}, groups of GQA", own / (2 * m.D), "", f"{own:,} / (2 · {m.D})"),
        (
            f"At the bytes of {here}, heads of MHA",
            own / (2 * m.D),
            f"of {m.H}",
            "each with a key and a value of its own",
        ),
        (
            f"At the bytes of {here}, latent of MLA",
            own - m.D // 2,
            "numbers",
            f"{own:,} − {m.D // 2} for the rotary key",
        ),
    )
    table = Table(
        ["way", "numbers a layer", "KiB a token", f"GiB at {T:,}", f"users on {gpu_name}"], rows,
        f"{name}: {m.L} layers, {m.H} query heads of width {m.D}",
    )  # fmt: skip
    if free <= 0:
        note = Note(f"The weights of {name}, {weights / GIB:,.0f} GiB, do not fit into {gpu_name}.", "warning")
    elif m.context < T:
        note = Note(beyond(name, m.context), "warning")
    else:
        note = Note("Users that fit beside the weights at most, each with a text of this length.")
    return figure, table, metrics, note
