"""What the page shows of a model: its sheet, its memory, two side by side, and where 6 FLOP a parameter fails."""

from topics.kit import (
    GIB,
    GPUS,
    KIB,
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Table,
    Text,
    Toggle,
    UnreadableError,
    bars,
    demo,
    label,
    line,
    points,
    rule,
)
from topics.kit.page.words import counted, short
from topics.kit.real.costs import WEIGHTS, text_bytes, users_that_fit, weights_bytes
from topics.kit.real.sheets.configs import CONFIGS
from topics.kit.real.sheets.fields import parsed
from topics.kit.real.sheets.reader import READERS, read  # noqa: F401
from topics.kit.real.sheets.sheet import (
    cache_bytes,
    forward_flops,
    kept_of,
    met_flops,
    model_of,
    parameters_of_parts,
    passed_of_parts,
    training_flops,
)
from topics.model_sheet.drawing import KINDS, block, mixer_words

LIMIT = 12_000  # characters of a pasted file; the longest that we met has 5,000
TRIED = ("DeepSeek-V3", "BERT base", "T5 small", "Qwen3-Next-80B-A3B")  # one of each form
EXAMPLE = '{"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32}'
GROUPS = {  # of the parts of a sheet, as bars show them
    "embedding": ("reference", ("embedding",)),
    "attention": ("query", ("attention",)),
    "states": ("key", ("linear attention", "state space")),
    "feed-forward": ("value", ("feed-forward", "shared expert")),
    "experts": ("weight", ("experts",)),
    "output": ("output", ("output",)),
    "router, norms": ("gradient", ("router", "norms and biases")),
    "scores and mixing": ("cost", ("scores and mixing",)),
}


def sheet_of(name, config):
    """The sheet of a pasted file, or of a model by its name; and what to call it."""
    if not config.strip():
        return read(CONFIGS[name]), name
    given = parsed(config)
    called = given.get("_name_or_path") or given.get("model_type")
    return read(given), str(called)[:40] if called else "The pasted model"


def big(n):
    """A large number as people say it.

    >>> big(671_026_404_352), big(124_439_808), big(2.2e12)
    ('671 billion', '124 million', '2.2 trillion')
    """
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if n >= size:
            return f"{n / size:.3g} {word}"
    return f"{n:,.0f}"


def _share(parts):
    """Shares in percent of the groups of parts that are there."""
    total = sum(parts.values()) or 1
    return {group: 100 * sum(parts.get(part, 0) for part in members) / total for group, (_, members) in GROUPS.items()}


def _notes(sheet):
    return Note(
        " ".join(sheet.notes) or "All that was needed stands in the file.", "warning" if sheet.notes else "info"
    )


def _refused(fault):
    return Note(str(fault), "warning")


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
        return _refused(fault)
    figure, table = {"parts and FLOP": _parts, "block and matrices": _matrices, "cache": _cache}[show](s, called, T)
    flops, two = sum(forward_flops(s, T).values()), 2 * s.active
    kept = cache_bytes(s, T)
    metrics = Metrics(
        ("Parameters", s.parameters, "", f"{counted(len(s.matrices), 'kind')} of arrays, added up"),
        ("A token passes", s.active, "", "all but what is looked up, and experts that it is not sent to"),
        (
            "FLOP for one token",
            big(flops),
            "",
            f"2 a parameter passed would be {big(two)}: the rest is scores and mixing",
        ),
        ("Kept of the text", kept / GIB, "GiB", "16 bits a number"),
    )
    return figure, metrics, table, _notes(s)


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
        height=300,
        barmode="stack",
        xaxis={"range": [0, 100]},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    parts = dict.fromkeys([*parameters_of_parts(s), *passed_of_parts(s), *flops])
    table = Table(
        ("Part", "Parameters", "A token passes", "MFLOP a token"),
        [
            (part, rows["parameters"].get(part, 0), rows["a token passes"].get(part, 0), flops.get(part, 0) / 1e6)
            for part in parts
        ],
        f"{name} by part, for one token that meets {T:,}.",
    )
    return figure, table


def _matrices(s, name, _):
    rows = [
        (
            m.name.removeprefix("model."),
            " × ".join(f"{n:,}" for n in m.shape),
            m.count,
            m.numbers if m.kind != "buffer" else f"({m.numbers:,})",
            _passing(m),
        )
        for m in s.matrices
    ]
    caption = (
        "Names as in transformers 5, * being a layer's number. In brackets: set by rule, not trained, not counted."
    )
    return block(s, name), Table(("Array", "Shape", "Layers", "Numbers", "A token"), rows, caption)


def _passing(m):
    if m.kind == "lookup":
        return "looks up a row"
    if m.E > 1:
        return f"passes {m.k} of {m.E}"
    return "passes it" if m.kind == "product" else "adds or scales"


def _cache(s, name, T):
    """Bytes kept against the length of the text, by kind of layer; and a table."""
    x = [2**i for i in range(7, 21)]
    sorts = {}
    for m in s.mixers:
        sorts.setdefault(KINDS[m.kind].format(window=m.layers.window or 0, picks=m.picks), []).append(m)
    inks = ("key", "value", "query")
    traces = [
        line(x, [_kept(ms, t) for t in x], what, inks[i % 3], ("solid", "dash", "dot")[i % 3])
        for i, (what, ms) in enumerate(sorts.items())
        if _kept(ms, T)
    ]
    total = [max(cache_bytes(s, t), 1) / 2**20 for t in x]
    traces.append(line(x, total, "all layers", "reference", "dashdot"))
    kept = cache_bytes(s, T)
    growth = cache_bytes(s, T + 1) - kept
    figure = Figure(
        traces,
        x_title="Context (tokens)",
        y_title="Kept (MiB)",
        alt=f"{name} keeps {kept / 2**20:.3g} MiB of {T:,} tokens; a further token adds {growth / KIB:.3g} KiB."
        + "".join(f" {what}: {_kept(ms, T):.3g} MiB." for what, ms in sorts.items()),
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


def _kept(mixers, T):
    return sum(m.layers.n * kept_of(m, T) for m in mixers) * 2 / 2**20


# ---- two models side by side

PAIRS = ("Llama-3.1-70B", "BERT base", "T5 small")


@demo(
    T=LogSlider("Context", 128, 1_048_576, value=131_072, unit="tokens"),
    a=Choice("This model", tuple(CONFIGS), value="Llama-3.1-70B", tried=PAIRS),
    b=Choice("And this one", tuple(CONFIGS), value="Qwen3-Next-80B-A3B", tried=TRIED),
    config=Text("In the place of the second, a config.json", "", limit=LIMIT, examples=(EXAMPLE,), lines=3),
)
def side_by_side(T, a, b, config):
    """Two models line by line, what differs marked."""
    try:
        (one, first), (two, second) = sheet_of(a, ""), sheet_of(b, config)
    except UnreadableError as fault:
        return _refused(fault)
    second = second if second != first else f"{second}, again"
    measures = {
        "parameters": lambda s: s.parameters,
        "a token passes": lambda s: s.active,
        "FLOP a token": lambda s: sum(forward_flops(s, T).values()),
        "kept of the text": lambda s: cache_bytes(s, T),
        "layers": lambda s: s.L,
        "width": lambda s: s.d,
    }
    times = {what: of(two) / of(one) for what, of in measures.items() if of(one) and of(two)}
    figure = Figure(
        [
            points(
                list(times.values()),
                list(times),
                second,
                "output",
                "diamond",
                text=[f"{x:.3g}" for x in times.values()],
                mode="markers+text",
                textposition="top center",
            )
        ],
        x_title=f"{second}, in times of {first}",
        alt=f"{second} in times of {first}, at {T:,} tokens: "
        + ", ".join(f"{what} {x:.3g}" for what, x in times.items())
        + ".",
        height=320,
        xaxis={"type": "log"},
        yaxis={"title": {"text": ""}, "range": [-0.6, len(times) - 0.3]},
        shapes=[rule(x=1)],
    )
    pairs = [
        (what, left, right, "≠" if left != right else "")
        for (what, left), (_, right) in zip(_lines(one, T), _lines(two, T), strict=True)
    ]
    differ = sum(bool(row[3]) for row in pairs)
    table = Table(("", first, second, "Differs"), pairs, f"{differ} of {len(pairs)} lines differ (≠).")
    return figure, table, _notes(two)


def _lines(s, T):
    """What a sheet says, line by line."""
    e, mixers = s.experts, [mixer_words(m) for m in s.mixers]
    yield "model_type", s.type
    yield "form", s.form
    for fact in ("norms", "activation", "positions"):
        yield fact, s.facts.get(fact, "not known here")
    yield "layers", s.L
    yield "width", s.d
    yield "where tokens meet", "; ".join(what for what, _ in mixers) or "not in the file"
    yield "its sizes", "; ".join(sizes for _, sizes in mixers) or "not in the file"
    yield "feed-forward width", s.F if s.dense else "none is dense"
    yield "experts", f"{e.k} of {e.E}, {e.F:,} wide" if e else "none"
    yield "experts for all", e.shared if e else "none"
    yield "vocabulary", s.V
    yield "output matrix", "none" if s.form == "encoder" else "the embedding" if s.tied else "its own"
    yield "longest text", s.context or "not in the file"
    yield "parameters", s.parameters
    yield "a token passes", s.active
    yield f"FLOP of a token at {T:,}", big(sum(forward_flops(s, T).values()))
    yield "FLOP of a token in training", big(sum(training_flops(s, T).values()))
    yield "a further token keeps", f"{(cache_bytes(s, T + 1) - cache_bytes(s, T)) / KIB:,.4g} KiB"
    yield "the text keeps", f"{cache_bytes(s, T) / GIB:,.4g} GiB"


# ---- memory


@demo(
    T=LogSlider("Context", 1024, 1_048_576, value=32_768, unit="tokens"),
    B=LogSlider("Texts at once", 1, 512, value=16),
    name=Choice("Model", tuple(CONFIGS), value="gpt-oss-120b", tried=TRIED),
    kind=Choice("Weights", tuple(WEIGHTS), value="MXFP4", tried=("BF16",)),
    gpu=Choice("GPU", tuple(GPUS), value="H100", tried=("RTX 4090", "8 × B200")),
    config=Text("Or paste a config.json", "", limit=LIMIT, lines=3),
)
def memory(T, B, name, kind, gpu, config):
    """Weights and caches against the memory of GPUs."""
    try:
        s, called = sheet_of(name, config)
        model = model_of(s, "")
    except UnreadableError as fault:
        return _refused(fault)
    card, weights = GPUS[gpu], weights_bytes(model, kind)
    one = text_bytes(model, T, 2, card.n)
    fit = users_that_fit(card.memory, weights, one) if one else None
    free = max(0.0, card.memory - weights - B * one)
    held = {
        "weights": ("weight", weights),
        f"caches of {counted(B, 'text')}": ("key", B * one),
        "free": ("reference", free),
    }
    figure = Figure(
        [
            bars(
                [n / GIB],
                [gpu],
                what,
                ink,
                orientation="h",
                text=[f"{what} {short(n / GIB)}" if n > 0.16 * card.memory else ""],
            )
            for what, (ink, n) in held.items()
        ],
        x_title="Memory (GiB)",
        alt=f"{called} in {kind}: weights {short(weights / GIB)} GiB, caches of {counted(B, 'text')} of {T:,} tokens "
        f"{short(B * one / GIB)} GiB. {gpu} has {card.memory // GIB:,} GiB.",
        height=220,
        barmode="stack",
        xaxis={"range": [0, 1.05 * max(card.memory, weights + B * one) / GIB]},
        shapes=[rule(x=card.memory / GIB)],
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    metrics = Metrics(
        ("Weights", weights / GIB, "GiB", f"{s.parameters:,} parameters, most at {WEIGHTS[kind]:.4g} bits"),
        (
            "Cache of a text",
            one / GIB,
            "GiB",
            "16 bits a number" + ("" if card.n == 1 else f", on {card.n} GPUs together"),
        ),
        ("Texts that fit", fit if fit is not None else "any number", "", "whole caches beside the weights"),
        (
            "Training, states",
            16 * s.parameters / GIB,
            "GiB",
            "16 bytes a parameter: BF16 weight and gradient, FP32 copy, Adam's two means; activations not counted",
        ),
    )
    rows = []
    for each, other in GPUS.items():
        room = text_bytes(model, T, 2, other.n)
        rows.append(
            (
                each,
                other.memory // GIB,
                "yes" if weights <= other.memory else "no",
                users_that_fit(other.memory, weights, room) if room else "any number",
            )
        )
    table = Table(("GPU", "GiB", "Weights fit", "Texts"), rows, f"{called} in {kind}, texts of {T:,} tokens.")
    return figure, metrics, table, _notes(s)


# ---- six FLOP a parameter

RULED = ("Llama-3.2-1B", "Llama-3.1-405B", "Qwen3-Next-80B-A3B", "DeepSeek-V3")
LOOKS = (("reference", "dot"), ("value", "solid"), ("key", "dash"), ("query", "dashdot"))


@demo(
    T=LogSlider("Length of the texts", 128, 131_072, value=4096, unit="tokens"),
    whole=Toggle("Break it: take all parameters for N"),
)
def six_per_parameter(T, whole):
    """FLOP of training, counted, against 6 a parameter and token."""
    sheets = {name: read(CONFIGS[name]) for name in RULED}
    x = [2**i for i in range(7, 18)]
    ratios = {name: [_over_six(s, t, whole) for t in x] for name, s in sheets.items()}
    here = {name: _over_six(s, T, whole) for name, s in sheets.items()}
    figure = Figure(
        [line(x, ratios[name], name, ink, dash) for name, (ink, dash) in zip(RULED, LOOKS, strict=True)]
        + [points([T] * 4, list(here.values()), "here", "cost")],
        x_title="Length of the texts (tokens)",
        y_title="Counted over 6N",
        alt=f"FLOP of training over 6N, N being {'all parameters' if whole else 'the parameters that a token passes'}, "
        f"at {T:,} tokens: " + ", ".join(f"{name} {r:.2f}" for name, r in here.items()) + ".",
        xaxis={"type": "log"},
        yaxis={"type": "log"},
        shapes=[rule(y=1)],
        annotations=[label(0, 0, "6N", xref="paper", xanchor="left", yanchor="bottom")],
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    rows = [
        (name, (s.parameters if whole else s.active) / 1e9, sum(training_flops(s, T).values()) / 1e9, here[name])
        for name, s in sheets.items()
    ]
    return figure, Table(
        ("Model", "N, billions", "GFLOP a token", "Over 6N"), rows, f"Training on texts of {T:,} tokens."
    )


def _over_six(s, T, whole=False):
    return sum(training_flops(s, T).values()) / (6 * (s.parameters if whole else s.active))


def over_six(name, T, whole=False):
    """For the page's text: counted FLOP of training over 6N."""
    return _over_six(read(CONFIGS[name]), T, whole)


def over_two(name, T):
    """For the page's text: counted FLOP of a new token over 2N."""
    s = read(CONFIGS[name])
    return sum(forward_flops(s, T).values()) / (2 * s.active)


def share(name, part, T=None, of="parameters"):
    """For the page's text: a part's share of parameters, of what a token passes, or of its FLOP, in percent."""
    s = read(CONFIGS[name])
    parts = {"parameters": parameters_of_parts, "passed": passed_of_parts, "FLOP": lambda s: forward_flops(s, T)}[of](s)
    return 100 * parts.get(part, 0) / sum(parts.values())


def of(name):
    """For the page's text: a model's sheet."""
    return read(CONFIGS[name])


def pairs_of(name, T):
    """For the page's text: FLOP of scoring and mixing of a new token."""
    return met_flops(read(CONFIGS[name]), T)
