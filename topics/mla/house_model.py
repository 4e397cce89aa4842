"""Latents in the house model: its keys and values made from fewer numbers, as far as that goes without training."""

from functools import cache
from itertools import count

import numpy as np

from topics.kit import Badge, Choice, Figure, Metrics, Seed, Slider, Tokens, bars, demo, line, lm, points, rule
from topics.kit.model.losses import above_floor, floor, quoted_texts, word_losses
from topics.kit.model.text import encode, held_out
from topics.kit.page.words import counted
from topics.mla.method import best_latent, missed, missed_by_groups, pooled, squared

FITTED = {"the weights alone": False, "what the layers read": True}


def stacked(model, layer):
    """Keys' and values' matrices of a layer of the house model, one above the other: (2·H·D, d)."""
    return np.vstack([model.weights[f"{layer}.k"], model.weights[f"{layer}.v"]]).astype(float)


@cache
def roots():
    """For each layer of the house model a square root, (d, d) each, of the second moments of what it reads, in held-out
    texts on which no loss is measured here."""
    return [_root(x) for x, _ in layers_on_texts()]


@cache
def rotated_roots():
    """The same of its keys, rotated by their positions, and values: (m, m) each, m = 2·H·D."""
    return [_root(kv) for _, kv in layers_on_texts()]


def _root(x):
    return np.linalg.cholesky(x.T @ x + 1e-9 * len(x) * np.eye(x.shape[1]))


@cache
def layers_on_texts():
    """A list of what each layer of the house model reads (N, d), and its rotated keys beside its values (N, 2·H·D),
    in the N words of twenty held-out texts."""
    model, seen = lm.load("target"), {}

    def see(name, layer, value):
        if name in ("attention_input", "k", "v"):
            value = lm.rotate(value, turns) if name == "k" else value
            seen.setdefault((layer, name), []).append(value.reshape(len(value), -1).astype(float))

    for text in held_out(20, start=FITTING):
        words = encode(text.words)
        turns = lm.rotation(np.arange(len(words)), lm.rope_frequencies(model.D, model.base))
        lm.forward(model, words, see=see)
    rows = {step: np.concatenate(parts) for step, parts in seen.items()}
    return [(rows[i, "attention_input"], np.hstack([rows[i, "k"], rows[i, "v"]])) for i in range(model.L)]


FITTING = 2_000_000  # the first of the texts that latents are fitted to


def rebuilt(model, d_c, fitted=False):
    """The house model with its keys and values rebuilt from a latent, before they are rotated."""
    return _changed(model, lambda W, i: np.matmul(*best_latent(W, d_c, roots()[i] if fitted else None)))


def grouped(model, H_kv):
    """The house model with its heads' keys and values averaged into H_kv groups."""
    return _changed(model, lambda W, i: pooled(W, model.H, H_kv))


def _changed(model, change):
    new = {}
    for i in range(model.L):
        k, v = np.split(change(stacked(model, i), i).astype(np.float32), 2)
        new |= {f"{i}.k": k, f"{i}.v": v}
    return model.with_weights(new)


@cache
def excess(d_c=None, H_kv=None, fitted=False):
    """For the page's text: nats above the floor with a latent, with groups, or of the model as it is."""
    model = lm.load("target")
    if d_c is not None:
        model = rebuilt(model, d_c, fitted)
    return above_floor(model if H_kv is None else grouped(model, H_kv), quoted_texts())


def groups_at(d_c, model):
    """The fewest groups of the house model whose keys and values are at least d_c numbers."""
    return next(H_kv for H_kv in (1, 2, 4, 8) if 2 * H_kv * model.D >= d_c)


@demo(
    "model",
    "target",
    d_c=Slider("Numbers kept of a word, of 256 a layer", 8, 96, value=64, step=8),
    fitted=Choice("Latent fitted to", tuple(FITTED), value="the weights alone"),
    seed=Seed(),
)
def keep_fewer(d_c, fitted, seed):
    """The house model with its keys and values rebuilt from a latent, beside heads that share: what each loses."""
    model, texts = lm.load("target"), short_texts(seed)
    H_kv = groups_at(d_c, model)
    n = 2 * H_kv * model.D
    changed = rebuilt(model, d_c, FITTED[fitted]), grouped(model, H_kv)
    told = [as_it_is(seed), *[_word_losses(each, texts) for each in changed]]
    losses = [float(np.concatenate(each).mean()) for each in told]
    least = floor(texts)
    shown = zip(("as it is: 256", f"latent: {d_c}", f"{counted(H_kv, 'group')}: {n}"), losses, INKS, strict=True)
    figure = Figure(
        [bars([name], [x], name, ink, text=[f"{x:.2f}"], textposition="outside") for name, x, ink in shown],
        x_title="Numbers cached for a word in a layer",
        y_title="Loss (nats a word)",
        alt=f"Loss of the next word: {losses[0]:.3f} with all 256 numbers, {losses[1]:.3f} with a latent of {d_c}, "
        f"{losses[2]:.2f} with {n} numbers of GQA; the language's own is {least:.2f}.",
        height=280,
        barmode="stack",
        showlegend=False,
        yaxis={"range": [0, 1.12 * max(*losses, 7)]},
        shapes=[rule(y=least)],
    )  # fmt: skip
    words, (_, by_latent, by_groups) = texts[0].words[1:], (np.exp(-each[0]) for each in told)
    return (
        figure,
        Tokens(
            words,
            by_latent.tolist(),
            "output",
            f"Latent of {d_c}: each word shaded by the "
            f"probability that it was given, {100 * by_latent.mean():.0f} % in the mean.",
        ),
        Tokens(
            words,
            by_groups.tolist(),
            "error",
            f"The same text, heads averaged into {counted(H_kv, 'group')}: {100 * by_groups.mean():.0f} %.",
        ),
        Metrics(
            ("Cache kept", 100 * d_c / 256, "%", f"{d_c} / (2 · {model.H} heads · {model.D})"),
            ("Loss added by the latent", round(losses[1] - losses[0], 3), "nats", f"{d_c} numbers"),
            ("… by groups", round(losses[2] - losses[0], 3), "nats", f"{n} numbers"),
            ("The language's own", round(least, 3), "nats", "dashed: no model does better in the mean"),
        ),
    )


INKS = ("reference", "key", "error")  # of the model as it is, of the latent and of groups


def short_texts(seed):
    """Held-out facts, story and song of at most 48 words, the first of each from a place that the seed gives."""
    return [short_text(kind, 100 * seed) for kind in ("facts", "story", "song")]


def short_text(kind, start):
    texts = (held_out(1, kind, start=i)[0] for i in count(start))
    return next(text for text in texts if len(text.words) <= 48)


@cache
def as_it_is(seed):
    """The losses of each word of short_texts under the house model, unchanged."""
    return _word_losses(lm.load("target"), short_texts(seed))


def _word_losses(model, texts):
    return [word_losses(model, text.words) for text in texts]


SOURCES = ("house model: weights", "house model: what it reads", "house model: keys rotated", "synthetic heads")


RANKS = list(range(0, 132, 4))


@demo(
    "model",
    "target",
    d_c=Slider("Numbers cached", 4, 128, value=32, step=4),
    source=Choice("Keys and values of", SOURCES, value="house model: what it reads"),
    layer=Slider("Layer of the house model", 1, 4, value=3),
    alike=Slider("Synthetic heads: in common", 0, 100, value=90, step=10, unit="%"),
    seed=Seed(),
)
def joint_rank(d_c, source, layer, alike, seed):
    """What the best latent misses of eight heads' keys and values, beside groups that share and latents apart."""
    H, D = 8, 16
    W, root = keys_and_values(source, layer - 1, alike / 100, seed)
    joint = 100 * np.array(missed(W, RANKS, root))
    apart = 100 * np.array(missed_apart(W, RANKS, root))
    shared = {H_kv: 100 * missed_by_groups(W, H, H_kv, root) for H_kv in (1, 2, 4, 8)}
    at, H_kv = RANKS.index(d_c), next(H_kv for H_kv in shared if 2 * H_kv * D >= d_c)
    rival = 100 * missed(W, [2 * H_kv * D], root)[0]
    figure = Figure(
        [
            line(RANKS, joint, "one latent", "key"),
            line(RANKS, apart, "K and V apart", "value", "dash"),
            points([2 * n * D for n in (1, 2, 4)], [shared[n] for n in (1, 2, 4)], "groups", "error", "square"),
            points([d_c], [joint[at]], "now", "key", "diamond"),
        ],
        x_title="Numbers cached, of 256",
        y_title="Missed (% of squared length)",
        alt=f"With {d_c} numbers one latent misses {joint[at]:.1f} % of keys and values, one for each of them with "
        f"half the numbers {apart[at]:.1f} %; {counted(H_kv, 'group')} with {2 * H_kv * D} numbers "
        f"{shared[H_kv]:.1f} %.",
        yaxis={"range": [0, 105]},
        xaxis={"range": [0, 140]},
        legend={"orientation": "h", "y": 1.14, "x": 0},
    )
    return (
        figure,
        Metrics(
            ("One latent misses", joint[at], "%", f"{d_c} numbers"),
            ("One for K, one for V", apart[at], "%", f"2 · {d_c // 2} numbers"),
            ("Groups", shared[H_kv], "%", f"{counted(H_kv, 'group')}, {2 * H_kv * D} numbers"),
        ),
        Badge(
            f"What it misses beyond {counted(H_kv, 'group')}, both of {2 * H_kv * D}",
            max(0.0, rival - shared[H_kv]),
            1e-9,
        ),
    )


def keys_and_values(source, layer, alike, seed):
    """Stacked matrices (m, d), m = 2·H·D, and a root of their inputs' second moments or None, of one of SOURCES."""
    if source == "synthetic heads":
        return synthetic(alike, seed), None
    if source == "house model: keys rotated":
        return rotated_roots()[layer], None
    return stacked(lm.load("target"), layer), roots()[layer] if source.endswith("reads") else None


def share_missed(d_c, what="latent", layer=3):
    """The share that d_c numbers miss of what a layer of the house model computes: in one "latent", in two "apart", in
    "groups", or in a latent of keys that were "rotated" before."""
    W, root = keys_and_values(SOURCES[2 if what == "rotated" else 1], layer - 1, 0, 0)
    if what == "groups":
        return missed_by_groups(W, 8, d_c // 32, root)
    return (missed_apart if what == "apart" else missed)(W, [d_c], root)[0]


def missed_apart(W, d_c, root=None):
    """The share that two latents miss, one for keys and one for values, each with half of the width."""
    whole = squared(W, root)
    halves = [[squared(half, root) / whole * x for x in missed(half, [r // 2 for r in d_c], root)]
              for half in np.split(W, 2)]  # fmt: skip
    return [sum(pair) for pair in zip(*halves, strict=True)]


def synthetic(alike, seed, H=8, D=16, d=96):
    """Random keys' and values' matrices (2·H·D, d); a share `alike` of each head's variance is common to all heads."""
    rng = np.random.default_rng(seed)
    common, own = rng.normal(size=(2, 1, D, d)), rng.normal(size=(2, H, D, d))
    return (np.sqrt(alike) * common + np.sqrt(1 - alike) * own).reshape(2 * H * D, d)
