"""One key/value head in the house model: trained so, or pooled from eight."""

from dataclasses import replace
from functools import cache

import numpy as np

from topics.kit import (
    Badge,
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Seed,
    Toggle,
    Tokens,
    bars,
    demo,
    label,
    lm,
    max_abs_difference,
    rule,
)
from topics.kit.model.losses import above_floor, guessing, quoted_texts, word_losses
from topics.kit.model.recorded import POOLED
from topics.kit.model.rotary import apply_rope
from topics.kit.model.text import encode, held_out
from topics.mqa.method import mean_pool_heads

MADE = ("mean of its group", "first of its group", "random")


TEXTS = 6  # held-out texts to a measurement of the demo


@demo(
    "model",
    "target",
    H_kv=LogSlider("Key/value heads", 1, 8, value=1),
    made=Choice("Each new head is", MADE, value="mean of its group"),
    turned=Toggle("First turn the coordinates of every head"),
    seed=Seed("Texts"),
)
def pool_heads(H_kv, made, turned, seed):
    """The house model with fewer key/value heads, made from its own: what it loses at once."""
    model = turned_at_random(lm.load("target"), seed) if turned else lm.load("target")
    few, texts = pooled(model, H_kv, made, seed), held_out(TEXTS, start=TEXTS * seed)
    even, first = guessing(texts), texts[0].words
    plain = made == MADE[0] and not turned  # as in the recorded runs
    after = POOLED[H_kv]["after"] if plain and H_kv in POOLED else None
    names = ["8 heads", f"{H_kv}, at once", f"{H_kv}, trained on"]
    shown = [as_it_is(seed), above_floor(few, texts), after or 0.0]
    known = [*(f"{x:.2f}" for x in shown[:2]), f"{after:.2f}" if after else "?"]
    figure = Figure(
        [bars(names, shown, "above the floor", "error", text=known)],
        y_title=f"Loss above the floor, {TEXTS} texts (nats a word)",
        alt=f"Above the floor of the language: {shown[0]:.2f} nats a word with all 8 key/value heads, {shown[1]:.2f} "
        f"with {H_kv} ({made}), at once{f', {after:.2f} after training on' if after else ''}; "
        f"guessing stands at {even:.2f}.",
        yaxis={"range": [min(0, 1.1 * min(shown)), 1.2 * max(*shown, even)]},
        shapes=[rule(y=even)],
        annotations=[label(-0.48, even, "guessing", xanchor="left", yanchor="bottom")],
    )
    p = [np.exp(-word_losses(each, first)) for each in (lm.load("target"), few)]
    same = max_abs_difference(*(lm.forward(each, encode(first)) for each in (model, lm.load("target"))))
    return (
        figure,
        Tokens(first, [0.0, *p[0].tolist()], "output",
               "All 8 heads: each word shaded by the probability that it was given, "
               f"{100 * p[0].mean():.0f} % in the mean."),
        Tokens(first, [0.0, *p[1].tolist()], "error", f"The same with {_heads(H_kv)}: {100 * p[1].mean():.0f} %."),
        Metrics(
            ("Cache of a word", 2 * model.L * H_kv * model.D * 2, "bytes", f"2 · {model.L} · {H_kv} · {model.D} · 2"),
            ("New key heads", length_kept(few, model), "of the old length", f"1/√{8 // H_kv} = "
             f"{(H_kv / 8) ** 0.5:.2f} for the mean of {8 // H_kv} unrelated ones"),
        ),
        Badge("8 heads, turned or not: max|Δ| of the logits", same, 1e-3),
        Note(f"“8 heads” and “at once” are measured here, on {TEXTS} texts that training never saw; “trained on”: "
             f"{_recorded(H_kv, after)}"),
    )  # fmt: skip


def _heads(n):
    return f"{n} key/value head{'s' * (n != 1)}"


def _recorded(H_kv, after):
    """What the right bar of pool_heads is, or why there is none."""
    if after is not None:
        return "a recorded run, on other texts."
    if H_kv == 8:
        return "with all heads there is nothing to mend."
    return "no run was recorded for these heads."


def pooled(model, H_kv, made=MADE[0], seed=0):
    """The house model with H_kv key/value heads made from its H: their mean, the first of each group, or random."""
    rng, changed = np.random.default_rng(seed), {}
    for i in range(model.L):
        for part in "kv":
            W = model.weights[f"{i}.{part}"].reshape(model.H, model.D, model.d)
            heads = {
                "mean of its group": mean_pool_heads(W, H_kv),
                "first of its group": W[:: model.H // H_kv],
                "random": rng.normal(0, W.std(), (H_kv, model.D, model.d)),
            }[made]
            changed[f"{i}.{part}"] = heads.reshape(H_kv * model.D, model.d).astype(np.float32)
    return replace(model.with_weights(changed), H_kv=H_kv)


@cache
def as_it_is(seed):
    """Nats above the floor of the house model with all its heads, on the texts of pool_heads."""
    return above_floor(lm.load("target"), held_out(TEXTS, start=TEXTS * seed))


def turned_at_random(model, seed):
    """The same function in other coordinates: in each head, queries and keys turn by the same random angles, pair by
    pair as rotary positions do, and so do values and the columns of the output matrix that read them."""
    rng, changed = np.random.default_rng(seed), {}
    for i in range(model.L):
        for pair in (("q", "k"), ("v", "o")):
            angles = rng.uniform(0, 2 * np.pi, (model.H, 1, model.D // 2))
            for part in pair:
                W = model.weights[f"{i}.{part}"]
                heads = (W.T if part == "o" else W).reshape(model.H, model.D, model.d)
                turned = np.swapaxes(apply_rope(np.swapaxes(heads, 1, 2), angles), 1, 2)
                flat = turned.reshape(-1, model.d).astype(np.float32)
                changed[f"{i}.{part}"] = flat.T.copy() if part == "o" else flat
    return model.with_weights(changed)


def length_kept(few, model):
    """The mean length of a model's key heads, as vectors of all their numbers, over that of another's."""
    lengths = [np.mean([np.linalg.norm(W) for i in range(each.L)
                        for W in each.weights[f"{i}.k"].reshape(each.H_kv, -1)]) for each in (few, model)]  # fmt: skip
    return float(lengths[0] / lengths[1])


@cache
def excess(H_kv, made=MADE[0], turned=False, seed=0):
    """For the page's text: nats above the floor of the house model with H_kv key/value heads."""
    model = turned_at_random(lm.load("target"), seed) if turned else lm.load("target")
    return above_floor(pooled(model, H_kv, made, seed), quoted_texts())
