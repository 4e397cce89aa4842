"""Two models side by side, memory on GPUs, and where 6 FLOP a parameter fails; numbers for the page's text."""

from topics.kit import (
    GIB,
    GPUS,
    KIB,
    Choice,
    Figure,
    LogSlider,
    Metrics,
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
from topics.kit.real.sheets.reader import READERS, read
from topics.kit.real.sheets.sheet import (
    cache_bytes,
    forward_flops,
    model_of,
    parameters_of_parts,
    passed_of_parts,
    training_flops,
)
from topics.model_sheet.drawing import mixer_words
from topics.model_sheet.pasted import EXAMPLE, LIMIT, TRIED, big, notes_of, refused, sheet_of

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
        return refused(fault)
    second = second if second != first else f"{second}, again"
    measures = {
        "parameters": lambda s: s.parameters,
        "a token passes": lambda s: s.active / s.tokens,
        "FLOP a token": lambda s: sum(forward_flops(s, T).values()) / s.tokens,
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
        x_title="The second, in times of the first",
        alt=f"{second} in times of {first}, at {T:,} tokens: "
        + ", ".join(f"{what} {x:.3g}" for what, x in times.items())
        + ".",
        height=320,
        xaxis={"type": "log"},
        yaxis={"title": {"text": ""}, "range": [-0.6, len(times) - 0.3]},
        shapes=[rule(x=1)],
    )
    pairs = [
        (f"≠ {what}" if left != right else what, left, right)
        for (what, left), (_, right) in zip(_lines(one, T), _lines(two, T), strict=True)
    ]
    differ = sum(what.startswith("≠") for what, *_ in pairs)
    mean = " With two stacks, a token is the mean of one read and one written." if 2 in (one.tokens, two.tokens) else ""
    table = Table(("", first, second), pairs, f"{differ} of {len(pairs)} lines differ (≠).{mean}")
    return figure, table, notes_of(two, T, *([one] if one != two else []))


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
    yield "a token passes", s.active // s.tokens
    yield f"FLOP of a token at {T:,}", big(sum(forward_flops(s, T).values()) / s.tokens)
    yield "FLOP of a token in training", big(sum(training_flops(s, T).values()) / s.tokens)
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
        return refused(fault)
    card, weights = GPUS[gpu], weights_bytes(model, kind)
    one = text_bytes(model, T, 2, card.n)
    fit = users_that_fit(card.memory, weights, one) if one else None
    unbound = "any number" if s.mixers else "not known"  # an encoder keeps nothing; of others attention may be left out
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
        ("Texts that fit", fit if fit is not None else unbound, "", "whole caches beside the weights"),
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
                users_that_fit(other.memory, weights, room) if room else unbound,
            )
        )
    table = Table(("GPU", "GiB", "Weights fit", "Texts"), rows, f"{called} in {kind}, texts of {T:,} tokens.")
    return figure, metrics, table, notes_of(s, T)


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


def kinds_read():
    """For the page's text: how many values of model_type have a reader."""
    return len(READERS)
