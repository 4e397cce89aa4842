"""What the page on attention shows."""

import numpy as np

from topics.attention.method import entropy_bits, induction_score, jacobian_norm, soft_cap
from topics.kit import (
    Choice,
    Figure,
    LogSlider,
    Matrix,
    Metrics,
    Note,
    Scores,
    Seed,
    Slider,
    Table,
    Text,
    Toggle,
    Tokens,
    UnreadableError,
    bars,
    demo,
    label,
    line,
    lm,
    points,
    softmax,
)
from topics.kit.model.language import BLUNT, END, SUNG
from topics.kit.model.lm import rms_norm
from topics.kit.model.text import decode, encode, read
from topics.kit.numerics import PRECISIONS, stored
from topics.kit.page.words import short

LONGEST = 28  # words of a text, and of what the model adds to it


@demo(
    "model",
    "target",
    place=Slider("Word that asks (from 0)", 0, LONGEST - 1, value=18),
    layer=Slider("Layer", 1, 4, value=3),
    head=Slider("Head", 1, 8, value=1),
    text=Text(
        "Text", "[blunt] facts : dogs eat cheese . ducks eat apples . bears eat fish . say foods ? ducks", suggest=True
    ),
)
def read_along(place, layer, head, text):
    """One head of the house model: where each word looks, and what the model says next. Past the end it writes on."""
    words = read(text, 2, LONGEST)
    typed = len(words)
    if place >= typed:
        words = [*words, *lm.generate(lm.load("target"), words, place + 1 - typed, stop=encode([END])[0])]
    place = min(place, len(words) - 1)
    names = decode(words)
    q, k, w, p = head_at(words, layer - 1, head - 1)
    row = w[place, : place + 1]
    most = int(row.argmax())
    looks = f"Where “{names[place]}” looks in layer {layer}, head {head}: {100 * row[most]:.0f} % at “{names[most]}”."
    if len(words) > typed:
        looks += f" The model wrote the text from “{names[typed]}” on, taking the likeliest word each time."
    T = len(words)
    cells = [[round(float(w[i, j]), 3) if j <= i else None for j in range(T)] for i in range(T)]
    rows = [f"▸ {name}" if i == place else name for i, name in enumerate(names)]
    likely = np.argsort(-p[place])[:3]
    return (
        Tokens(names, [*row.tolist(), *[0.0] * (T - place - 1)], "weight", looks, place),
        Metrics(*[(f"Next word, {rank}", decode([i])[0], f"{100 * p[place, i]:.1f} %")
                  for rank, i in zip(("likeliest", "second", "third"), likely, strict=True)]),
        Matrix(cells, rows, names, "Rows ask, columns answer", "weight", Scores(q, k)),
    )  # fmt: skip


def head_at(words, layer, head):
    """Queries and keys (T, D) as they meet, rotated, with the weights (T, T) of one head of the house model, and the
    probabilities (T, V) of the next word after each."""
    model, seen = lm.load("target"), {}

    def see(name, i, value):
        if i == layer:
            seen[name] = value

    logits = lm.forward(model, words, see=see)
    turns = lm.rotation(np.arange(len(words)), lm.rope_frequencies(model.D, model.base))
    q, k = (lm.rotate(seen[name], turns)[:, head] for name in "qk")
    return q, k, seen["attention"][head], softmax(logits)


WIDTHS = 2 ** np.arange(2, 11)  # 4 … 1024


@demo(
    D=LogSlider("Width D of queries and keys", 4, 1024, value=128),
    n=LogSlider("Keys", 4, 64, value=16),
    unscaled=Toggle("Break it: leave out √D"),
    seed=Seed(),
)
def scale(D, n, unscaled, seed):
    """Random queries and keys of unit variance: what softmax makes of their scores, with √D and without."""
    rng = np.random.default_rng(seed)
    q, k = rng.normal(size=(32, WIDTHS[-1])), rng.normal(size=(n, WIDTHS[-1]))
    scaled, plain = [], []  # a width: the weights (32, n)
    for width in WIDTHS:
        s = q[:, :width] @ k[:, :width].T
        scaled.append(softmax(s / np.sqrt(width)))
        plain.append(softmax(s))
    at = int(np.log2(D)) - 2
    shown, what = (plain, "without √D") if unscaled else (scaled, "with √D")
    one = np.sort(shown[at][0])[::-1]
    figure = Figure(
        [bars([str(i + 1) for i in range(n)], one, "weights", "weight")],
        x_title="Keys of one query, heaviest first",
        y_title="Weight",
        alt=f"D = {D}, {what}: the heaviest of {n} keys has {100 * one[0]:.0f} % of the weight, "
        f"the lightest {100 * one[-1]:.2g} %.",
        height=240,
        yaxis={"range": [0, 1]},
    )
    return (
        figure,
        _by_width(entropy_bits, np.mean, scaled, plain, at, unscaled, "Entropy (bits)", np.log2(n)),
        _by_width(jacobian_norm, np.median, scaled, plain, at, unscaled, "Median norm of ∂w/∂s", None),
        Metrics(
            ("Standard deviation of q·k", float((q[:, :D] @ k[:, :D].T).std()), "", f"√D is {np.sqrt(D):.3g}"),
            ("Heaviest key", 100 * float(shown[at].max(-1).mean()), "%", "mean of 32 queries"),
            ("Entropy", float(entropy_bits(shown[at]).mean()), "bits", f"of at most log₂ {n} = {np.log2(n):.3g}"),
            ("Norm of the Jacobian", float(np.median(jacobian_norm(shown[at]))), "", "median of 32 queries"),
        ),
    )


def heaviest(D, root):
    """The mean weight of a query's heaviest of 16 keys, over the random queries of `scale`."""
    rng = np.random.default_rng(0)
    q, k = rng.normal(size=(32, WIDTHS[-1]))[:, :D], rng.normal(size=(16, WIDTHS[-1]))[:, :D]
    return float(softmax(q @ k.T / (np.sqrt(D) if root else 1)).max(-1).mean())


def _by_width(measure, middle, scaled, plain, at, unscaled, title, top):
    """A measure of the weights against D, with √D and without, the shown one marked."""
    curves = [[float(middle(measure(w))) for w in each] for each in (scaled, plain)]
    now = curves[unscaled][at]
    lines = [line(WIDTHS, curves[0], "with √D", "weight"), line(WIDTHS, curves[1], "without", "error", "dash")]
    texts = zip(curves, ("with √D", "without"), (7, 6), strict=True)  # each where it crosses no other
    over = {"xanchor": "center", "yanchor": "bottom", "yshift": 4}
    return Figure(
        [*lines, points([WIDTHS[at]], [now], "now", "error" if unscaled else "weight", "diamond")],
        x_title="Width D",
        y_title=title,
        alt=f"{title} at D = {WIDTHS[at]:,}: {curves[0][at]:.2f} with √D, {curves[1][at]:.2g} without; at D = 4 "
        f"{curves[0][0]:.2f} and {curves[1][0]:.2f}, at 1,024 {curves[0][-1]:.2f} and {curves[1][-1]:.2g}.",
        height=240,
        xaxis={"type": "log", "tickvals": WIDTHS, "range": [np.log10(3.5), np.log10(1250)]},
        yaxis={"range": [0, 1.15 * (top or max(map(max, curves)))]},
        showlegend=False,
        annotations=[label(np.log10(WIDTHS[i]), y[i], text, **over) for y, text, i in texts],
    )


GROWTHS = 2.0 ** np.arange(0, 6.01, 0.5)  # 1 … 64
HOLDS = ("nothing", "a soft cap", "QK-norm")


@demo(
    growth=LogSlider("Queries and keys grown to", 1.0, 64.0, value=8.0, per_octave=2, unit="×"),
    c=Choice("Soft cap c", (20, 50, 100), value=50),
    seed=Seed(),
)
def grown(growth, c, seed):
    """The random queries and 16 keys of the figure before, 128 wide, grow: scores and weights, held in three ways."""
    q, k = _drawn(seed)
    tops, heaviest = np.array([_held(g * q, g * k, c) for g in GROWTHS]).transpose(1, 2, 0)  # (3, growths) each
    at = round(2 * np.log2(growth))
    rows = [[hold, float(top[at]), f"{100 * w[at]:.0f} %"] for hold, top, w in zip(HOLDS, tops, heaviest, strict=True)]
    scores = "; ".join(f"held by {hold} {short(top)}" for hold, top, _ in rows)
    shares = "; ".join(f"held by {hold} {w}" for hold, _, w in rows)
    return (
        _by_growth(tops, at, "Largest score", f"Largest score at {growth:.3g}×: {scores}.",
                   {"type": "log", "tickvals": [1, 10, 100, 1000, 10_000],
                    "ticktext": ["1", "10", "100", "1,000", "10,000"], "range": [0, 4.4]}),
        _by_growth(100 * heaviest, at, "Heaviest key's weight (%)",
                   f"Mean weight of the heaviest of 16 keys at {growth:.3g}×: {shares}.", {"range": [0, 112]}),
        Table(["held by", "largest score", "heaviest key"], rows, f"At {growth:.3g}×, the cap at {c}"),
    )  # fmt: skip


def held(g, c=50, seed=0):
    """The largest |score| of 32 random queries and 16 keys grown g times, and the mean weight of a query's heaviest
    key, under each of HOLDS: (2, 3)."""
    q, k = _drawn(seed)
    return _held(g * q, g * k, c)


def _drawn(seed):
    """The queries (32, 128) and keys (16, 128) of `scale`."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, WIDTHS[-1]))[:, :128] for n in (32, 16)]


def _held(q, k, c):
    D = q.shape[-1]
    s = q @ k.T / np.sqrt(D)
    ways = s, soft_cap(s, c), rms_norm(q, 1) @ rms_norm(k, 1).T / np.sqrt(D)
    return [np.abs(x).max() for x in ways], [softmax(x).max(-1).mean() for x in ways]


def _by_growth(curves, at, title, alt, yaxis):
    dashes = zip(curves, HOLDS, ("error", "weight", "output"), ("dash", "solid", "dot"), strict=True)
    return Figure(
        [*[line(GROWTHS, y, hold, ink, dash) for y, hold, ink, dash in dashes],
         points(GROWTHS[[at] * 3], curves[:, at], "now", "cost", "diamond")],
        x_title="Growth of queries and keys (×)",
        y_title=title,
        alt=alt,
        height=240,
        xaxis={"type": "log", "tickvals": [1, 2, 4, 8, 16, 32, 64], "range": [-0.05, 1.86]},
        yaxis=yaxis,
        legend={"orientation": "h", "y": 1.2},
    )  # fmt: skip


@demo(
    shift=Slider("Added to every score", 0, 800, value=0, step=10),
    a=Slider("Score of key 1", -6, 6, value=3, step=0.5),
    b=Slider("Score of key 2", -6, 6, value=1, step=0.5),
    temperature=LogSlider("Temperature", 0.125, 8, value=1),
    bits=Choice("Precision", tuple(PRECISIONS), value="FP32"),
    unsafe=Toggle("Break it: exponentiate without subtracting the maximum"),
)
def softmax_by_hand(shift, a, b, temperature, bits, unsafe):
    """Three scores, the third of them 0, become three weights, step by step, in a precision that can overflow."""
    scores = (np.array([a, b, 0]) + shift) / temperature
    exponents = scores - (0 if unsafe else scores.max())
    with np.errstate(over="ignore"):
        e = stored(np.exp(np.minimum(exponents, 710)), bits)  # e^710 overflows even FP64
    total = float(added_up(e, bits))
    lost = total == np.inf
    w = np.zeros(3) if lost else stored(e / total, bits)
    keys = ["key 1", "key 2", "key 3"]
    sign = {np.inf: "∞"}
    said = [f"{sign.get(x, f'{x:.3g}')} / ∞" for x in e] if lost else w.tolist()
    table = Table(
        ["key", "score, divided by the temperature", "exponent", f"e to it, {bits}", "weight"],
        [[key, s, x, y, weight] for key, s, x, y, weight in
         zip(keys, scores.tolist(), exponents.tolist(), [sign.get(y, y) for y in e], said, strict=True)],
    )  # fmt: skip
    limit = np.log(largest(bits))
    if lost:
        most = f"{largest(bits):.3g}, about e^{limit:.2f}"
        note = Note(f"Overflow: {bits} ends at {most}; an exponential or their sum is above.", "warning")
    elif unsafe:
        note = Note(
            f"No exponent is above {limit:.2f} yet, so nothing overflows: the weights are the same, up to rounding."
        )
    else:
        note = Note("The largest exponent is always 0. A constant added to all scores cancels.")
    return (
        Figure(
            [bars(keys, w, "weight", "weight", text=["lost" if lost else f"{x:.3f}" for x in w])],
            y_title="Weight",
            alt="No weights: they are lost." if lost else
            f"Weights {w[0]:.3f}, {w[1]:.3f} and {w[2]:.3f} at temperature {temperature}.",
            height=240,
            yaxis={"range": [0, 1.1]},
        ),
        table,
        note,
    )  # fmt: skip


def added_up(x, precision):
    """The sum of x (n,), one number after the other, each sum kept in a precision."""
    total = 0.0
    for each in x:
        total = stored(total + each, precision)
    return total


def largest(precision):
    """The largest number of a precision."""
    bits, _, end = PRECISIONS[precision]
    return float(np.finfo(float).max) if precision == "FP64" else end * (1 - 2.0**-bits)


LINE = "Rome candles wolves Mia tea lamps green Ben soup owls Quito drums"


GROUPS = {
    "best copiers": "copy",
    "those that look at the word before": "before",
    "others of the layers above, at random": "other",
}


@demo(
    "model",
    "target",
    off=Slider("Heads switched off", 0, 12, value=4),
    which=Choice("Which", tuple(GROUPS), value="best copiers"),
    text=Text("Line, sung twice", LINE, suggest=True),
    seed=Seed(),
)
def find_the_copiers(off, which, text, seed):
    """Which heads look at what followed last time, and what the house model loses without them."""
    verse = read(text, 3, 40)
    if len(set(verse)) < len(verse):
        raise UnreadableError("A line of different words, please.")
    if not set(decode(verse)) <= set(SUNG):
        raise UnreadableError("Songs are made of names, things, places, animals, colors, foods and drinks.")
    model = lm.load("target")
    full, copy, before = sing_again(model, verse)
    gone = set(heads_of(GROUPS[which], copy, before, seed)[:off])
    left, _, _ = sing_again(model, verse, gone)
    shown, title = (before, "Weight on the word before") if GROUPS[which] == "before" else (copy, "Induction score")
    off_or_on = [["switched off" if (i, h) in gone else "on" for h in range(model.H)] for i in range(model.L)]
    why = [[f"mean over the line {x:.3f}; {state}" for x, state in zip(*both, strict=True)]
           for both in zip(shown, off_or_on, strict=True)]  # fmt: skip
    rows = [f"layer {i + 1}" for i in range(model.L)]
    return (
        Matrix(shown.round(2), rows, range(1, model.H + 1), f"{title} of each head", "weight", why),
        Tokens(decode(verse), full.tolist(), "output", "Second time, all heads on: shaded by the probability of the "
               f"right word, {100 * full[1:].mean():.0f} % in the mean after the first."),
        Tokens(decode(verse), left.tolist(), "error", f"The same with {len(gone)} of {copy.size} heads off: "
               f"{100 * left[1:].mean():.0f} % in the mean. Off: {_named(gone) or 'none'}."),
    )  # fmt: skip


def sing_again(model, verse, off=()):
    """A verse (n,) sung twice, with some (layer, head) pairs writing nothing.

    returns  the probability of each right word the second time (n,), and of each head (L, H) the induction score and
             the mean weight on the word before, the first time
    """
    words = np.concatenate([encode([BLUNT, "song", ":"]), verse, encode([";"]), verse])
    n, copy, before = len(verse), np.zeros((model.L, model.H)), np.zeros((model.L, model.H))
    first = np.arange(4, n + 3)  # the places of the first verse, its first word apart

    def see(name, layer, value):
        if name == "attention":
            copy[layer], before[layer] = induction_score(value, n), value[:, first, first - 1].mean(-1)
        if name == "heads":
            return value * np.array([(layer, h) not in off for h in range(model.H)])[:, None]  # (T, H, D)
        return None

    p = softmax(lm.forward(model, words, see=see))
    t = np.arange(len(words) - n - 1, len(words) - 1)  # the places before the words of the second time
    return p[t, words[t + 1]], copy, before


def heads_of(group, copy, before, seed=0):
    """(layer, head) pairs of a group of GROUPS, in the order in which they are switched off: by score, or the other
    heads from the layer of the best four copiers on, shuffled."""
    ranked = [divmod(int(i), copy.shape[1]) for i in np.argsort(-(before if group == "before" else copy), axis=None)]
    if group != "other":
        return ranked
    lowest = min(layer for layer, _ in ranked[:4])
    rest = sorted(head for head in ranked[4:] if head[0] >= lowest)
    return [rest[i] for i in np.random.default_rng(seed).permutation(len(rest))]


def copied(group="copy", off=0):
    """What is left of the copying of LINE without `off` heads of a group: the mean probability of the right word, the
    first apart."""
    model, verse = lm.load("target"), encode(LINE)
    _, copy, before = sing_again(model, verse)
    left, _, _ = sing_again(model, verse, heads_of(group, copy, before)[:off])
    return float(left[1:].mean())


def _named(heads):
    return ", ".join(f"{layer + 1}.{head + 1}" for layer, head in sorted(heads))
