"""One model's sheet: parts, block, matrices, cache."""

import re

from topics.kit import (
    GIB,
    KIB,
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Table,
    Text,
    UnreadableError,
    bars,
    demo,
    line,
    rule,
)
from topics.kit.page.words import counted, short
from topics.kit.real.sheets.configs import CONFIGS
from topics.kit.real.sheets.sheet import (
    cache_bytes,
    forward_flops,
    kept_of,
    parameters_of_parts,
    passed_of_parts,
)
from topics.model_sheet.drawing import HEIGHT, KINDS, block, mixer_words
from topics.model_sheet.pasted import EXAMPLE, LIMIT, TRIED, big, notes_of, refused, sheet_of

GROUPS = {  # of the parts of a sheet, as bars show them
    "embedding": ("reference", ("embedding",)),
    "attention": ("query", ("attention",)),
    "states": ("key", ("linear attention", "state space")),
    "feed-forward": ("value", ("feed-forward", "shared expert")),
    "experts": ("gradient", ("experts",)),
    "output": ("output", ("output",)),
    "router, norms": ("weight", ("router", "norms and biases")),
    "scores and mixing": ("cost", ("scores and mixing",)),
}


def _share(parts):
    """Shares in percent of the groups of parts that are there."""
    total = sum(parts.values()) or 1
    return {group: 100 * sum(parts.get(part, 0) for part in members) / total for group, (_, members) in GROUPS.items()}


# ---- one model's sheet

SHOWN = ("parts and FLOP", "block and matrices", "cache")


@demo(
    name=Choice("Model", tuple(CONFIGS), value="DeepSeek-V3", tried=TRIED),
    T=LogSlider("Context", 128, 1_048_576, value=131_072, unit="tokens"),
    show=Choice("Show", SHOWN, value="parts and FLOP"),
    config=Text("Or paste a config.json", "", limit=LIMIT, examples=(EXAMPLE,), lines=4),
)
def sheet(name, T, show, config):
    """A model's parts, matrices, FLOP and cache, from its config.json."""
    try:
        s, called = sheet_of(name, config)
    except UnreadableError as fault:
        return refused(fault)
    figure, table = {"parts and FLOP": _parts, "block and matrices": _matrices, "cache": _cache}[show](s, called, T)
    flops, two = sum(forward_flops(s, T).values()), 2 * s.active
    kept = cache_bytes(s, T)
    absorbed = " (of latents as they stand, absorbed)" if any(m.layers.latent for m in s.mixers) else ""
    metrics = Metrics(
        ("Parameters", s.parameters, "", f"{counted(len(s.matrices), 'kind')} of arrays, added up"),
        (_passes(s), s.active, "", "all but what is looked up, and experts that it is not sent to"),
        (
            f"FLOP for {'both' if s.tokens > 1 else 'one token'}",
            big(flops),
            "",
            f"2 a parameter passed would be {big(two)}: the rest is scores and mixing{absorbed}",
        ),
        ("Kept of the text", kept / GIB if s.mixers else "not known", "GiB" if s.mixers else "", "16 bits a number"),
    )
    return figure, metrics, table, notes_of(s, T)


def _passes(s):
    return "A token read and one written pass" if s.tokens > 1 else "A token passes"


def _parts(s, name, T):
    """Shares of the parts in all parameters, in what a token passes, in its FLOP; and a table."""
    flops = forward_flops(s, T)
    rows = {f"FLOP at {T:,}": flops, "a token passes": passed_of_parts(s), "parameters": parameters_of_parts(s)}
    shares = {row: _share(parts) for row, parts in rows.items()}
    traces = []
    for group, (ink, _) in GROUPS.items():
        if any(shares[row][group] for row in rows):
            x = [shares[row][group] for row in rows]
            traces.append(
                bars(
                    x,
                    list(rows),
                    group,
                    ink,
                    orientation="h",
                    text=[f"{group} {v:.0f} %" if v >= 22 else f"{v:.0f} %" if v >= 8 else "" for v in x],
                )
            )
    most = {row: max(shares[row], key=shares[row].get) for row in rows}
    told = "; ".join(f"{row}: {most[row]} {shares[row][most[row]]:.0f} %" for row in reversed(rows))
    figure = Figure(
        traces,
        x_title="Share (%)",
        alt=f"{name}, the largest part of each. {told}. A token does {big(sum(flops.values()))} FLOP, "
        f"{sum(flops.values()) / (2 * s.active):.3g} times 2 a parameter that it passes.",
        height=HEIGHT,
        barmode="stack",
        xaxis={"range": [0, 100]},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    parts = dict.fromkeys([*parameters_of_parts(s), *passed_of_parts(s), *flops])
    table = Table(
        ("Part", "Parameters", _passes(s), "MFLOP for both" if s.tokens > 1 else "MFLOP a token"),
        [
            (part, rows["parameters"].get(part, 0), rows["a token passes"].get(part, 0), flops.get(part, 0) / 1e6)
            for part in parts
        ],
        f"{name} by part, for {'one token' if s.tokens == 1 else 'tokens'} that meet{'s' * (s.tokens == 1)} {T:,}.",
    )
    return figure, table


def _matrices(s, name, _):
    rows = [
        (
            _short(m),
            " × ".join(f"{n:,}" for n in m.shape),
            m.count,
            m.numbers if m.kind != "buffer" else f"({m.numbers:,})",
        )
        for m in s.matrices
    ]
    caption = "Names as in transformers 5, less model, layers.* and weight. In brackets: set by rule, not counted."
    return block(s, name), Table(("Array", "Shape", "Layers", "Numbers"), rows, caption)


def _short(m):
    """An array's name without what all have, and what a token passes of it where that is not all."""
    name = re.sub(r"(layers|block|layer|h)\.\*\.|^(model|transformer|backbone|gpt_neox)\.|\.weight$", "", m.name)
    return name + (", a row" if m.kind == "lookup" else f", {m.k} of {m.E}" if m.E > 1 else "")


def _cache(s, name, T):
    """Bytes kept against the length of the text, by kind of layer; and a table."""
    x = [2**i for i in range(7, 21)]
    sorts = {}
    for m in s.mixers:
        sorts.setdefault(KINDS[m.kind].format(window=m.layers.window or 0, picks=m.picks), []).append(m)
    inks = ("key", "value", "query")
    traces = [
        line(x, [_mib(ms, t) for t in x], what, inks[i % 3], ("solid", "dash", "dot")[i % 3])
        for i, (what, ms) in enumerate(sorts.items())
        if _mib(ms, T)
    ]
    total = [max(cache_bytes(s, t), 1) / 2**20 for t in x]
    traces.append(line(x, total, "all layers", "reference", "dashdot"))
    kept = cache_bytes(s, T)
    growth = cache_bytes(s, T + 1) - kept
    figure = Figure(
        traces,
        x_title="Context (tokens)",
        y_title="Kept (MiB)",
        alt=f"{name} keeps {short(kept / 2**20)} MiB of {T:,} tokens; a further token adds {short(growth / KIB)} KiB."
        + "".join(f" {what}: {short(_mib(ms, T))} MiB." for what, ms in sorts.items()),
        height=HEIGHT,
        xaxis={"type": "log"},
        yaxis={"type": "log"},
        shapes=[rule(x=T)],
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    rows = [
        (
            mixer_words(m)[0].split(" · ")[1],
            m.layers.n,
            kept_of(m, T + 1) - kept_of(m, T),
            kept_of(m, T),
            m.layers.n * kept_of(m, T) * 2 / 2**20,
        )
        for m in s.mixers
    ]
    caption = f"{name} at {T:,} tokens. 16 bits a number."
    return figure, Table(
        ("Layers", "How many", "A further token adds", "Numbers in a layer", "MiB in all"), rows, caption
    )


def _mib(mixers, T):
    return sum(m.layers.n * kept_of(m, T) for m in mixers) * 2 / 2**20
