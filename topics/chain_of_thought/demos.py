"""What the page on chain of thought shows beside the house model: votes by formula, steps in a row, layers in a row,
and what thinking takes of real models."""

import numpy as np

from topics.chain_of_thought.method import (
    any_right,
    chain_accuracy,
    checked_step,
    parity_at_once,
    parity_written,
    self_consistency_accuracy,
)
from topics.kit import (
    GIB,
    GPUS,
    MODELS,
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Slider,
    Toggle,
    demo,
    label,
    line,
    points,
    rule,
)
from topics.kit.page.words import counted, short
from topics.kit.real.costs import matrices_works, pairs_flops, step_time, text_bytes

ABOVE = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}


def _ticked(places):
    """Where an axis has its ticks, written out."""
    return {"tickvals": places, "ticktext": [f"{x:,}" for x in places]}


# ---- votes by formula

KS = (1, 3, 5, 9, 17, 33, 65, 101)


@demo(
    p=Slider("An answer is right (p)", 0.05, 0.95, value=0.45, step=0.05),
    R=Choice("Wrong answers that compete", (1, 2, 5, 9), value=1),
    correlation=Slider("Questions differ (correlation)", 0.0, 0.9, value=0.0, step=0.1),
)
def votes_by_formula(p, R, correlation):
    """How often a vote of k answers is right, and how often one of them is."""
    vote = [self_consistency_accuracy(p, k, R, correlation) for k in KS]
    some = [any_right(p, k, correlation) for k in KS]
    return (
        Figure(
            [
                line(KS, some, "one of k is right", "reference", "dash", mode="lines+markers"),
                line(KS, vote, "the vote is right", "output", mode="lines+markers"),
            ],
            x_title="Answers k",
            y_title="Share of questions",
            alt=f"p = {p}, {counted(R, 'wrong answer')}, correlation {correlation:g}. The vote is right for "
            f"{vote[0]:.2f} of questions with 1 answer, {vote[3]:.2f} with 9, {vote[-1]:.3f} with 101; one of 9 is "
            f"right for {some[3]:.2f}, one of 101 for {some[-1]:.2f}.",
            xaxis={"type": "log", "tickvals": list(KS)},
            yaxis={"range": [-0.03, 1.06]},
            shapes=[rule(y=p)],
            annotations=[label(2, p, "p", xanchor="right", yanchor="bottom")],
            showlegend=True,
            legend=ABOVE,
        ),
        Metrics(
            ("Vote of 9", vote[3], "", "equal leaders share the point"),
            ("Vote of 101", vote[-1], ""),
            ("One of 9 is right", some[3], ""),
            ("A wrong answer, each", (1 - p) / R, "", f"(1 − {p}) / {R}"),
        ),
    )


# ---- steps in a row

STEPS = 2 ** np.arange(11)


@demo(
    N=LogSlider("Steps", 1, 1024, value=64),
    q=Slider("A step is right (q)", 0.9, 0.999, value=0.99, step=0.003),
    v=Slider("Wrong steps caught (v)", 0.0, 1.0, value=0.8, step=0.1),
    a=Slider("Right steps rejected by mistake (a)", 0.0, 0.5, value=0.1, step=0.05),
    tries=Slider("Tries a step, at most", 1, 8, value=4),
)
def steps_in_a_row(N, q, v, a, tries):
    """How often a chain is right to its end, alone and with each step checked."""
    better, cost = checked_step(q, v, a, tries)
    alone, checked = chain_accuracy(q, STEPS), chain_accuracy(better, STEPS)
    here = chain_accuracy(q, N), chain_accuracy(better, N)
    return (
        Figure(
            [
                line(STEPS, alone, "alone", "error", "dash"),
                line(STEPS, checked, "each step checked", "output"),
                points([N, N], here, "chosen", "query", "diamond", showlegend=False),
            ],
            x_title="Steps in a row",
            y_title="All steps right",
            alt=f"q = {q}: a chain of {counted(N, 'step')} is right to its end with {here[0]:.3f}; checked, each step "
            f"is right with {better:.4f}, and the chain with {here[1]:.3f}. At 1,024 steps {alone[-1]:.3g} and "
            f"{checked[-1]:.3g}.",
            xaxis={"type": "log", **_ticked([int(x) for x in STEPS[::2]])},
            yaxis={"range": [-0.03, 1.06]},
            legend=ABOVE,
            showlegend=True,
        ),
        Metrics(
            ("Chain right, alone", here[0], "", f"{q}^{N}"),
            ("Chain right, checked", here[1], "", f"{better:.5f}^{N}"),
            ("Tries a step", cost, "", "what the checking costs, the verifier's own work apart"),
        ),
    )


# ---- layers in a row


@demo(
    b=Slider("Bits", 2, 64, value=24),
    L=Slider("Layers", 1, 6, value=3),
    written=Toggle("Write the running parity down"),
)
def parity_by_depth(b, L, written):
    """Is the number of ones odd? By L layers at once, or by one layer, one bit after the other, writing."""
    ones = np.arange(b + 1)
    truth = ones % 2
    said = np.array([_last(n, b) for n in ones]) if written else parity_at_once(ones, L)  # (b+1,)
    right = (said > 0.5) == truth
    chance = _binomial(b)
    share = float(chance @ right)
    how = "written down" if written else f"{counted(L, 'layer')} at once"
    return (
        Figure(
            [
                line(ones, said, "network", "output"),
                points(ones[right], said[right], "right", "output"),
                points(ones[~right], said[~right], "wrong", "error", "x"),
            ],
            x_title=f"Ones among {b} bits",
            y_title="Output: 1 means odd",
            alt=f"{b} bits, {how}: the network is right up to {int(ones[right].max()) if right.all() else 2**L} ones; "
            f"of {b + 1} counts {int((~right).sum())} come out wrong. {100 * share:.1f} % of random bits are judged "
            "right.",
            yaxis={"range": [-0.15, 1.15]},
            legend=ABOVE,
            showlegend=True,
        ),
        Metrics(
            ("Random bits judged right", 100 * share, "%", "each bit one with chance ½"),
            ("Layers passed, one after the other", b if written else L, "", "one a bit" if written else ""),
            ("Words written", b if written else 0, ""),
        ),
    )


def _last(ones, b):
    """The parity, written bit by bit, of b bits of which some are ones."""
    bits = np.zeros(b)
    bits[np.random.default_rng(0).permutation(b)[:ones]] = 1
    return parity_written(bits)[-1]


def _binomial(b):
    row = np.ones(1)
    for _ in range(b):
        row = (np.append(row, 0) + np.append(0, row)) / 2
    return row  # (b+1,)


def parity_share(b, L):
    """For the page's text: the share of random strings of b bits that L layers judge right at once."""
    ones = np.arange(b + 1)
    return float(_binomial(b) @ ((parity_at_once(ones, L) > 0.5) == ones % 2))


# ---- what thinking takes

SERVED = {  # model: GPU, weights
    "gpt-oss-120b": ("H100", "MXFP4"),
    "Qwen3-235B-A22B": ("8 × H100", "FP8"),
    "DeepSeek-V3": ("8 × B200", "FP8"),
    "Llama-3.1-8B": ("H100", "BF16"),
}
PROMPT = 500  # tokens of the question


@demo(
    n=LogSlider("Tokens of thinking", 256, 65_536, value=16_384),
    k=LogSlider("Chains that share them", 1, 64, value=16),
    name=Choice("Model", tuple(SERVED), value="gpt-oss-120b"),
)
def time_to_think(n, k, name):
    """Seconds and memory, at best, of n tokens of thinking in one chain, and split over k chains side by side."""
    lengths = 2 ** np.arange(8, 17)
    one = [thinking_seconds(name, int(x), 1) for x in lengths]
    many = [thinking_seconds(name, max(1, int(x) // k), k) for x in lengths]
    here = thinking_seconds(name, n, 1), thinking_seconds(name, max(1, n // k), k)
    held = [
        text_bytes(MODELS[name], PROMPT + x, n=GPUS[SERVED[name][0]].n) * users for x, users in ((n, 1), (n // k, k))
    ]
    return (
        Figure(
            [
                line(lengths, one, "one chain", "cost"),
                line(lengths, many, f"{counted(k, 'chain')} side by side", "output", "dash"),
                points([n, n], here, "chosen", "query", "diamond", showlegend=False),
            ],
            x_title="Tokens of thinking, all chains together",
            y_title="Time until the answer (s)",
            alt=f"{name}: {n:,} tokens of thinking take {short(here[0])} s in one chain and {short(here[1])} s in "
            f"{counted(k, 'chain')} side by side, at best.",
            xaxis={"type": "log", **_ticked([256, 1024, 4096, 16_384, 65_536])},
            yaxis={"type": "log"},
            legend=ABOVE,
            showlegend=True,
        ),
        Metrics(
            ("One chain", here[0], "s", f"steps of {PROMPT} to {PROMPT + n:,} tokens, one after the other"),
            (f"{counted(k, 'chain')} of {max(1, n // k):,}", here[1], "s"),
            ("Cache, one chain", held[0] / GIB, "GiB"),
            (f"Cache, {counted(k, 'chain')}", held[1] / GIB, "GiB"),
            ("Arithmetic", thinking_flops(name, n) / 1e12, "TFLOP", "one chain"),
        ),
        Note(f"{SERVED[name][0]}, {SERVED[name][1]}, one user, without overhead: a bound."),
    )  # fmt: skip


def thinking_seconds(name, n, k):
    """Seconds of k chains of n tokens each, at best, for one user's question of PROMPT tokens."""
    gpu, kind = SERVED[name]
    ends = [step_time(MODELS[name], GPUS[gpu], PROMPT + t, k, kind) for t in (1, n)]
    return n * sum(ends) / 2  # steps grow evenly with what they look back at


def thinking_flops(name, n):
    """FLOP of n tokens in one chain."""
    model = MODELS[name]
    each = sum(flops for flops, _ in matrices_works(model, 1, SERVED[name][1]))
    return n * (each + pairs_flops(model, PROMPT + n // 2))
