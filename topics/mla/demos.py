"""What the page on multi-head latent attention shows."""

import numpy as np

from topics.kit import (
    GPUS,
    MODELS,
    Badge,
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Seed,
    Slider,
    Table,
    Toggle,
    bars,
    demo,
    line,
    max_abs_difference,
    points,
    rule,
)
from topics.kit.model.language import WORDS  # noqa: F401
from topics.kit.page.ladder import ladder
from topics.kit.page.roofs import roofline
from topics.kit.page.words import counted, short
from topics.kit.real.caches import (
    elements,  # noqa: F401
    token_bytes,
    users_of,  # noqa: F401
)
from topics.kit.real.costs import text_bytes, users_that_fit  # noqa: F401
from topics.kit.real.hardware import times
from topics.mla.method import (
    WAYS,
    ask_and_store,
    decode_time,
    decode_work,
    mla_absorbed,
    mla_forward,
    random_matrices,
    rotate,
    weigh,
)

SMALL = {"H": 8, "D": 8, "d_c": 32, "d_R": 0}  # DeepSeek's proportions, d_c = 4 D, but no rotary key yet


@demo(
    T=LogSlider("Tokens in the cache", 4, 256, value=64),
    n=LogSlider("New tokens at once", 1, 64, value=1),
    rotated=Toggle("Break it: rotate the rebuilt keys too"),
    seed=Seed(),
)
def absorb(T, n, rotated, seed):
    """A small layer answers new tokens twice: with all keys and values rebuilt, and without any."""
    rng = np.random.default_rng(seed)
    W = random_matrices(rng, d=64, **SMALL)
    x = rng.normal(size=(T + n, 64))
    _, _, store = ask_and_store(x[:T], W)
    exact, _ = (forward_rotated if rotated else mla_forward)(x[T:], W, store)
    ours, _ = mla_absorbed(x[T:], W, store)
    steps = layer_steps(T + n, n, **SMALL)
    orders = {order: [row for row in steps if row[1] == order] for order in ("rebuilt", "absorbed")}
    totals = [sum(f for *_, f in rows) for rows in orders.values()]
    rebuild, attend, fold = steps[0][3] + steps[1][3], steps[2][3] + steps[3][3], steps[4][3] + steps[7][3]
    parts = {"up and down": ("cost", [rebuild, fold]), "attending": ("weight", [attend, totals[1] - fold])}
    figure = Figure(
        [bars(["rebuilt", "absorbed"], flops, part, ink, text=[part if f > 0.1 * max(totals) else "" for f in flops])
         for part, (ink, flops) in parts.items()],
        y_title="FLOP",
        alt=f"{counted(n, 'new token')} and {T} cached: {totals[0]:,} FLOP with keys and values rebuilt, of them "
        f"{rebuild:,} for rebuilding; {totals[1]:,} absorbed, of them {fold:,} to take queries down and mixtures up.",
        height=260,
        barmode="stack",
        showlegend=False,
        yaxis={"range": [0, 1.1 * max(totals)]},
    )  # fmt: skip
    tables = [
        Table(["step", f"shapes, {SMALL['H']} times", "FLOP"], [[step, shapes, f] for step, _, shapes, f in rows],
              f"{order.capitalize()}: {total:,} FLOP")
        for (order, rows), total in zip(orders.items(), totals, strict=True)
    ]  # fmt: skip
    note = (
        Note("The rebuilt keys are rotated by their positions now, and the absorbed query can't know them.", "warning")
        if rotated
        else Note("The same sums in another order: what differs is rounding.")
    )
    return (
        figure,
        *tables,
        Badge("Both orders, outputs compared: max|Δ|", max_abs_difference(exact, ours), 1e-10),
        note,
    )  # fmt: skip


def layer_steps(T, n, H, D, d_c, d_R):
    """The steps in which the two orders differ: n tokens attend to T.

    returns  [(step, order, shapes in each head, FLOP of all heads)], four of each order
    """
    up = f"({D}, {d_c}) · ({d_c}, {T})"
    return [
        ("keys up", "rebuilt", up, 2 * T * H * D * d_c),
        ("values up", "rebuilt", up, 2 * T * H * D * d_c),
        ("scores", "rebuilt", f"({n}, {D + d_R}) · ({D + d_R}, {T})", 2 * n * T * H * (D + d_R)),
        ("mixing", "rebuilt", f"({n}, {T}) · ({T}, {D})", 2 * n * T * H * D),
        ("queries down", "absorbed", f"({n}, {D}) · ({D}, {d_c})", 2 * n * H * D * d_c),
        ("scores", "absorbed", f"({n}, {d_c + d_R}) · ({d_c + d_R}, {T})", 2 * n * T * H * (d_c + d_R)),
        ("mixing", "absorbed", f"({n}, {T}) · ({T}, {d_c})", 2 * n * T * H * d_c),
        ("mixtures up", "absorbed", f"({n}, {d_c}) · ({d_c}, {D})", 2 * n * H * D * d_c),
    ]


def flop_ratio(T, n):
    """FLOP of the small layer with keys and values rebuilt, over those absorbed: n new tokens, T cached."""
    steps = layer_steps(T + n, n, **SMALL)
    return sum(f for _, order, _, f in steps if order == "rebuilt") / sum(
        f for _, order, _, f in steps if order == "absorbed"
    )


def forward_rotated(x, W, store):
    """mla_forward with the rebuilt keys and their queries rotated, which no absorbed query can follow."""
    q, q_R, (c, k_R) = ask_and_store(x, W, store)
    here = np.arange(len(c))
    q, k = rotate(q, here[-len(x) :]), rotate(np.einsum("hDc,tc->thD", W.UK, c), here)
    content, position = np.einsum("nhD,thD->hnt", q, k), np.einsum("nhr,tr->hnt", q_R, k_R)
    w = weigh(content, position, q.shape[-1], q_R.shape[-1])
    y = np.einsum("hnt,thD->nhD", w, np.einsum("hDc,tc->thD", W.UV, c))
    return np.einsum("hdD,nhD->nd", W.O, y), (c, k_R)


PLACES = ("on the rebuilt keys", "on a key of its own")


FAR = 32  # tokens of the demo


@demo(
    folded=Slider("Distance folded into the query", 0, FAR - 1, value=8, unit="tokens"),
    place=Choice("Position stands", PLACES, value="on the rebuilt keys"),
    seed=Seed(),
)
def one_query_for_all(folded, place, seed):
    """The last of 32 tokens asks all of them: scores of rebuilt keys, and of one absorbed query on their latents."""
    exact, ours = score_both(folded, place, seed)
    distance = np.arange(FAR)[::-1]
    right = int((np.abs(exact - ours) < 1e-9).sum())
    figure = Figure(
        [
            line(distance, exact, "rebuilt keys", "key"),
            points(distance, ours, "absorbed query", "query", "circle"),
        ],
        x_title="Distance to the earlier token",
        y_title="Score",
        alt=f"Position {place}: the absorbed query gives the right score at {right} of {FAR} distances; the largest "
        f"error is {np.abs(exact - ours).max():.2g}.",
        height=300,
        shapes=[rule(x=folded)] if place == "on the rebuilt keys" else [],
        legend={"orientation": "h", "y": 1.12, "x": 0},
    )
    note = (
        Note(f"The rotation for distance {folded} is folded in: right there, and nowhere else.", "warning")
        if place == "on the rebuilt keys"
        else Note(
            "Nothing needs to be folded in: the keys are not rotated, and the rotary key is small enough to keep."
        )
    )
    return (
        figure,
        Metrics(
            ("Right scores", right, f"of {FAR}", "to 9 decimals"),
            ("Largest error", float(np.abs(exact - ours).max()), "", "of a score"),
            (
                "Queries to absorb",
                FAR if place == "on the rebuilt keys" else 1,
                "a head",
                "one for each distance, or one for all",
            ),
        ),
        note,
    )


def score_both(folded, place, seed, D=16, d_c=8, d_R=8):
    """Scores (FAR,) of the last token with every token, by rebuilt keys and by one absorbed query (eq:rotated)."""
    rng = np.random.default_rng(seed)
    W_UK, q, c = rng.normal(0, d_c**-0.5, (D, d_c)), rng.normal(size=D), rng.normal(size=(FAR, d_c))
    here = np.arange(FAR)
    k = c @ W_UK.T  # (FAR, D)
    if place == "on the rebuilt keys":
        exact = rotate(k, here) @ rotate(q[None], here[-1:])[0]
        a = rotate(q[None], np.array([folded]))[0] @ W_UK  # (d_c,)
        return exact / np.sqrt(D), c @ a / np.sqrt(D)
    q_R, k_R = rotate(rng.normal(size=(1, d_R)), here[-1:])[0], rotate(rng.normal(size=(FAR, d_R)), here)
    return (k @ q + k_R @ q_R) / np.sqrt(D + d_R), (c @ (q @ W_UK) + k_R @ q_R) / np.sqrt(D + d_R)


@demo(
    H=LogSlider("Heads on this GPU", 8, 128, value=128),
    n=LogSlider("New tokens at once", 1, 512, value=1),
    T=LogSlider("Tokens in the cache", 1024, 131_072, value=8192),
    gpu=Choice("GPU", ("A100", "H100", "H200", "B200"), value="H100"),
    b=Choice("Bytes of a cached number", (1, 2), value=2),
)
def decode_cost(H, n, T, gpu, b):
    """One layer with the sizes of DeepSeek-V2 and V3: what the cached tokens cost, in three ways, on a roofline."""
    sizes = {"n": n, "H": H, "b": b}
    works = {way: decode_work(way, T, **sizes) for way in WAYS}
    seconds = {way: decode_time(way, gpu, T, **sizes) for way in WAYS}
    best = min(seconds, key=seconds.get)
    table = Table(
        ["cached", "µs at best", "FLOP/byte", "MB read", "GFLOP"],
        [[way, 1e6 * seconds[way], flop / moved, moved / 1e6, flop / 1e9] for way, (flop, moved) in works.items()],
        f"One layer, {counted(H, 'head')} of width 128, {counted(n, 'new token')}, {T:,} cached",
    )
    slower = {way: t / seconds[best] for way, t in seconds.items()}
    note = Note(
        f"Fastest: “{best}”. "
        + " ".join(f"“{way.capitalize()}” takes {short(x)} times as long." for way, x in slower.items() if way != best)
    )
    looks = (("value", "square", False), ("error", "x", False), ("key", "diamond", True))
    marks = [(way.removeprefix("latent, "), flop / moved, *look)
             for (way, (flop, moved)), look in zip(works.items(), looks, strict=True)]  # fmt: skip
    return roofline(gpu, marks), table, note


def ridge(gpu):
    """FLOP for each byte at which computing takes as long as reading, on a GPU."""
    return GPUS[gpu].flops / GPUS[gpu].bandwidth


def plain_from(gpu="H100", T=8192):
    """New tokens at once from which plain keys and values take less time than absorbed latents, in whole tokens."""
    return next(n for n in range(1, 400) if decode_time(WAYS[0], gpu, T, n=n) < decode_time(WAYS[2], gpu, T, n=n))


MACHINES = {"8 × H100": GPUS["8 × H100"], "8 × B200": GPUS["8 × B200"], "16 × H200": times(16, GPUS["H200"])}
SHOWN = ("DeepSeek-V2", "DeepSeek-V3", "Kimi K2", "Qwen3-235B-A22B", "Llama-3.1-70B", "GPT-3")


@demo(
    T=LogSlider("Context length", 1024, 131_072, value=131_072, unit="tokens"),
    name=Choice("Model", SHOWN, value="DeepSeek-V2"),
    gpus=Choice("Machine", tuple(MACHINES), value="8 × H100"),
)
def cache_of_a_token(T, name, gpus):
    """The cache of a real model as it is, and had it been built in another way."""
    return ladder("MLA", name, T, gpus, MACHINES[gpus])


def as_one_memory(name, T, gpus):
    """Texts of T tokens that fit beside a model's weights in several GPUs if no latent is kept twice."""
    return users_that_fit(gpus.memory, 2 * MODELS[name].parameters, T * token_bytes(name, "MLA"))


def query_latent_saves(name, width=1536):
    """Parameters that a model of DeepSeek's with queries of 128 + 64 numbers saves by making them from a latent."""
    m = MODELS[name]
    out = m.H * (128 + 64)
    return m.L * (m.d * out - width * (m.d + out))


# glm2026, table 1: GQA with 8 groups, and MLA with a latent of 512 and a rotary key of 64, on HellaSwag, MMLU, C-Eval,
# RACE, BBH, GSM8K and HumanEval
GLM_5 = {
    "GQA-8": (77.3, 61.2, 60.0, 79.6, 53.3, 47.6, 38.5),
    "MLA": (77.3, 61.5, 59.7, 77.8, 48.9, 46.2, 33.5),
    "MLA, Muon Split": (77.8, 62.5, 62.1, 79.9, 51.8, 45.0, 36.7),
}


def mean_score(kind):
    """The mean of the seven scores of a kind of attention in GLM-5's comparison."""
    return sum(GLM_5[kind]) / len(GLM_5[kind])
