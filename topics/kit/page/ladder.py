"""The calculator of a model's cache that the pages on MQA, GQA and MLA have in common: one picture, a step for each way
to share keys and values. Knows no page.
"""

from topics.kit.numerics import GIB, KIB
from topics.kit.page.traces import bars
from topics.kit.page.views import Figure, Metrics, Note, Table
from topics.kit.page.words import beyond, counted, short
from topics.kit.real.caches import CACHED, WAYS, elements, token_bytes, users_of


def ladder(here, name, T, gpu_name, gpu):
    """A model's cache of T tokens under each way, the page's own (`here`) in colour: Figure, Table, Metrics and Note.

    gpu  a GPU of topics.kit.real.hardware, by the name gpu_name
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
        split = (
            f" {gpu.n} GPUs split the heads: each keeps every latent, and a copy of a single head." if gpu.n > 1 else ""
        )
        note = Note(f"Users that fit beside the weights at most, each with a text of this length.{split}")
    return figure, table, metrics, note
