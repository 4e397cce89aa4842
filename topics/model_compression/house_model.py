"""What the house model shows: which skill breaks first when it is made smaller, and why low ranks do not suit it."""

from functools import cache

import numpy as np

from topics.kit import (
    Choice,
    Figure,
    Metrics,
    Note,
    Progress,
    Slider,
    Tokens,
    bars,
    demo,
    label,
    line,
    lm,
    points,
    rule,
)
from topics.kit.model.adapters import body_excess, short_courteous
from topics.kit.model.language import HELD_OUT
from topics.kit.model.text import held_out
from topics.kit.page.words import short
from topics.model_compression.method import svd_compress
from topics.model_compression.recorded import BITS, LOSS, ORDER, SKILL, STUDENTS, WORDS_OF
from topics.model_compression.skills import (
    NOW,
    PRUNE,
    SIZES,
    SKILLS,
    WAYS,
    WORKED,
    answered,
    answers_in,
    judged,
    matrices,
    smaller,
    texts_of,
)

ABOVE_IT = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
HOUSE_MODELS = tuple(LOSS)
LOSSES = "loss above the floor"

# ---- which skill breaks first


@demo(
    "model",
    "target",
    size=Slider("Bits a weight, at most", SIZES[0], SIZES[-1], value=SIZES[-1], step=1.0),
    way=Choice("Made smaller by", WAYS, value=PRUNE),
    shown=Choice("Lower figure", (LOSSES, *SKILLS), value=WORKED),
)
def which_skill_breaks(size, way, shown):
    """The house model's 28 matrices in fewer bits, in six ways: what it still can do, a word and a whole text at a
    time."""
    model, bits = smaller(lm.load("target"), way, size)
    found = {}
    for i, (kind, n) in enumerate(NOW.items()):
        yield Progress(i, len(NOW), "Asking")
        found |= judged(model, kind, n)
    p, whole, n = found[WORKED]
    yield (
        _skills(found, way, bits),
        Metrics(
            ("Bits a weight really takes", bits, "", "places, scales and levels counted"),
            ("Words of a working right, p", 100 * p, "%", "each after the right words before it"),
            ("If errors were scattered", 100 * p**n, "%", f"{p:.3f} to the power {n:.1f}"),
            ("Whole workings right", 100 * whole, "%", f"of {NOW['explain']}, now; recorded: "
             f"{whole_right(way, size):.0f} % of 120"),
            ("Loss above the floor", LOSS["target"][way][SIZES.index(size)], "nats a word", "recorded, 80 texts; "
             f"{LOSS['target']['as it is'][0]:.3f} as it is"),
        ),
        _one_working(model),
        _front(size, way, shown),
    )  # fmt: skip


def _skills(found, way, bits):
    names = list(found)
    told = "; ".join(f"{name} {100 * p:.0f} and {100 * whole:.0f} %" for name, (p, whole, _) in found.items())
    return Figure(
        [
            bars([100 * found[name][0] for name in names[::-1]], names[::-1], "a word", "output", orientation="h"),
            bars([100 * found[name][1] for name in names[::-1]], names[::-1], "a whole text", "error", orientation="h"),
        ],
        x_title="Right (%)",
        y_title="Skill",
        alt=f"Made smaller by {way}, {bits:.3g} bits a weight. Right, a word and a whole text: {told}.",
        height=380,
        barmode="group",
        xaxis={"range": [0, 104]},
        yaxis={"automargin": True},
        legend=ABOVE_IT,
        showlegend=True,
    )


def _one_working(model):
    """A working, and where the model would write something else: one that it gets wrong, if there is one."""
    texts, right = texts_of("explain", NOW["explain"]), answered(model, "explain", NOW["explain"])
    wrong = []
    for row, each in enumerate(texts):
        wrong.append([place for place in answers_in(each, WORKED) if not right[row, place - 1]])
    row = next((row for row, places in enumerate(wrong) if places), 0)
    words = list(texts[row].words[2:])
    here = [float(i + 2 in wrong[row]) for i in range(len(words))]
    caption = (
        "One working, as it should be; where it is shaded the model would write another word."
        if wrong[row]
        else f"One working: the model writes it, and the other {NOW['explain'] - 1}, just so."
    )
    return Tokens(words[1:], here[1:], "error", caption)


INKS = {way: ink for way, ink in zip(WAYS, (("output", "solid"), ("value", "dash"), ("error", "solid"),
        ("cost", "dashdot"), ("reference", "dot"), ("reference", "dash")), strict=True)}  # fmt: skip


def recorded(name, way, shown):
    """What was recorded of a model at each size: losses, or % of whole texts right of a skill."""
    return LOSS[name][way] if shown == LOSSES else [whole / 10 for _, whole in SKILL[name, way][shown]]


def _front(size, way, shown):
    at = SIZES.index(size)
    lines = [line(BITS[each], recorded("target", each, shown), each, *INKS[each], mode="lines+markers")
             for each in WAYS]  # fmt: skip
    here, y = BITS[way][at], recorded("target", way, shown)[at]
    whole = recorded("target", "as it is", shown)[0]
    losses = shown == LOSSES
    what = "loss above the floor, nats a word" if losses else f"{shown}, whole texts right (%)"
    log = {"type": "log", "tickvals": TICKS, "ticktext": [f"{x:g}" for x in TICKS], "range": [-2.1, 1]}
    told = "; ".join(f"{each} {_told(recorded('target', each, shown)[at], losses)} at {BITS[each][at]:.3g}"
                     for each in WAYS)  # fmt: skip
    return Figure(
        [*lines, points([here], [y], "chosen", "query", "diamond", marker={"symbol": "diamond", "size": 14})],
        x_title="Bits that a weight takes",
        y_title="Loss above the floor (nats a word)" if losses else "Whole texts right (%)",
        alt=f"Recorded, the house model: {what}, by bits a weight. As it is: {_told(whole, losses)}. "
        f"At most {size:g} bits: {told}.",
        height=360,
        xaxis={"range": [2.2, 8.8]},
        yaxis=log if losses else {"range": [-5, 106]},
        shapes=[rule(y=whole, dash="dot")],
        legend={**ABOVE_IT, "y": -0.24, "yanchor": "top"},
        showlegend=True,
    )


TICKS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10]


def _told(x, losses):
    return f"{x:.3f}" if losses else f"{x:.0f} %"


# ---- for the page's text, recorded


def loss_at(way, size=SIZES[-1], name="target"):
    return LOSS[name][way][SIZES.index(size)] if way in WAYS else LOSS[name][way][0]


def bits_at(way, size=SIZES[-1]):
    return BITS[way][SIZES.index(size)]


def word_right(way, size=SIZES[-1], skill=WORKED, name="target"):
    return SKILL[name, way][skill][SIZES.index(size) if way in WAYS else 0][0] / 10


def whole_right(way, size=SIZES[-1], skill=WORKED, name="target"):
    return SKILL[name, way][skill][SIZES.index(size) if way in WAYS else 0][1] / 10


def scattered(way, size=SIZES[-1], skill=WORKED, name="target"):
    """pⁿ in %: what would be right if errors did not depend on each other."""
    return 100 * (word_right(way, size, skill, name) / 100) ** WORDS_OF[skill]


def least_trained(what, way, size):
    """% of words, or of whole workings, that are right in the three models with a fifth of the training."""
    of = word_right if what == "word" else whole_right
    return _span([of(way, size, name=name) for name in HOUSE_MODELS[1:]], 0)


def loss_added(way, size):
    """By how much the loss rises in these three, in nats."""
    return _span([loss_at(way, size, name) - loss_at("as it is", name=name) for name in HOUSE_MODELS[1:]], 2)


def worst_power(*skills):
    """How far pⁿ is from the share of whole texts at most, in points, over all models, ways and sizes."""
    settings = [(way, size, skill, name) for name in HOUSE_MODELS for way in WAYS for size in SIZES for skill in skills]
    return max(abs(scattered(*setting) - whole_right(*setting)) for setting in settings)


def uncompressed(bits):
    """% of the house model's bits that are embedding and norms, at 16, if its matrices take so many bits a weight."""
    model = lm.load("target")
    inside = sum(model.weights[name].size for name in matrices(model))
    rest = sum(w.size for w in model.weights.values()) - inside
    return 100 * rest * 16 / (rest * 16 + inside * bits)


def order_gap():
    """How far the losses of both orders are apart at most, in nats."""
    return max(abs(first - second) for first, second in ORDER.values())


def _span(numbers, digits):
    low, high = (f"{x:.{digits}f}" for x in (min(numbers), max(numbers)))
    return low if low == high else f"{low} to {high}"


def _runs(how, texts):
    """Of the recorded students (losses, accepted), for each seed."""
    return [run for key, run in STUDENTS.items() if key.startswith(f"{how}, {texts}, ")]


def best_of(how, texts):
    """The least loss of a student, over three seeds."""
    return _span([min(losses) / 1000 for losses, _ in _runs(how, texts)], 3)


def accepted_at_best(how, texts):
    """% of its words that the teacher accepts where its loss is least, over three seeds."""
    return _span([accepted[losses.index(min(losses))] / 10 for losses, accepted in _runs(how, texts)], 1)


def at_end(how, texts, i=0):
    """The loss of a student after 40 steps, or for i = 1 the accepted words in %, over three seeds."""
    return _span([run[i][-1] / (10 if i else 1000) for run in _runs(how, texts)], 1 if i else 3)


# ---- low rank

CUTS = {"query, layer 1": "0.q", "value, layer 2": "1.v", "gate, layer 3": "2.gate", "down, layer 4": "3.down"}
SHORT = 12  # texts


@demo(
    "model",
    "target",
    "courteous",
    share=Slider("Numbers that are kept", 10, 100, value=50, step=10, unit="%"),
    which=Choice("Matrix of the figure", tuple(CUTS), value="value, layer 2"),
)
def no_small_tail(share, which):
    """Each matrix cut to a low rank, and in the same way what a fine-tune added to each: one bears it."""
    W, change = pair(CUTS[which])
    yield Progress(0, 3, "Cutting")
    model, lost = cut_model(share)
    yield Progress(1, 3, "Matrices cut")
    kept = cut_change(share)
    yield Progress(2, 3, "Change cut")
    whole = {"matrices": excess(lm.load("target")), "change": manners(lm.load("courteous"))}
    r = rank_kept(*W.shape, share)
    now = excess(model), manners(kept)
    yield (
        _tails(W, change, r, share, which),
        Metrics(
            ("Rank that is kept", r, "", f"{share} % of {W.size:,} numbers over {W.shape[0]} + {W.shape[1]}"),
            ("Matrices cut: loss", now[0], "nats a word", f"above the floor; {whole['matrices']:.3f} as they are"),
            ("Change cut: loss on manners", now[1], "nats a word", f"above the floor; {whole['change']:.3f} with all "
             f"of the change, {manners(lm.load('target')):.2f} without"),
            ("Squared length kept, matrices", 100 * lost, "%", "of all 28"),
        ),
        Note(
            "Blind guessing stands about 4 nats above the floor. The change is cut in the same way as the matrices, "
            "and added to them whole."
        ),
    )  # fmt: skip


def rank_kept(n, m, share):
    """The rank whose two factors have `share` % of a matrix's numbers, one at least.

    >>> rank_kept(128, 96, 50)
    27
    """
    return max(1, int(share / 100 * n * m / (n + m)))


@cache
def pair(name):
    """A matrix of the house model, and what a fine-tune to courtesy added to it."""
    W = lm.load("target").weights[name].astype(float)
    return W, lm.load("courteous").weights[name].astype(float) - W


@cache
def cut_model(share):
    """The house model with its matrices cut, and how much of their squared length is kept."""
    cut, kept, total = {}, 0.0, 0.0
    for name in matrices(lm.load("target")):
        W = pair(name)[0]
        B, A = svd_compress(W, rank_kept(*W.shape, share))
        cut[name] = (B @ A).astype(np.float32)
        kept, total = kept + float(np.square(cut[name], dtype=float).sum()), total + float(np.square(W).sum())
    return lm.load("target").with_weights(cut), kept / total


@cache
def cut_change(share):
    """The house model with the change cut and added; embedding and norms are the fine-tune's."""
    weights = dict(lm.load("courteous").weights)
    for name in matrices(lm.load("target")):
        W, change = pair(name)
        B, A = svd_compress(change, rank_kept(*W.shape, share))
        weights[name] = (W + B @ A).astype(np.float32)
    return lm.load("target").with_weights(weights)


def excess(model):
    """Nats a word above the floor on the language as it is, behind the colon."""
    return body_excess(model, held_out(SHORT, start=70_000))


def manners(model):
    """The same on texts that are announced blunt and told politely."""
    return body_excess(model, short_courteous(SHORT, HELD_OUT + 60_000))


def energy(name, share, of=0):
    """For the page's text: % of the squared length of a matrix (or of its change, of = 1) that a low rank keeps."""
    M = pair(name)[of]
    s2 = np.linalg.svd(M, compute_uv=False) ** 2
    return 100 * float(s2[: rank_kept(*M.shape, share)].sum() / s2.sum())


def _tails(W, change, r, share, which):
    n, lines, kept = min(W.shape), [], []
    for name, M, ink, dash in (("the matrix", W, "weight", "solid"), ("what a fine-tune added", change, "output",
                                                                       "dash")):  # fmt: skip
        s2 = np.linalg.svd(M, compute_uv=False) ** 2
        y = 100 * np.concatenate([[0], np.cumsum(s2)]) / s2.sum()
        lines.append(line(np.arange(n + 1), y, name, ink, dash))
        kept.append(float(y[min(r, n)]))
    return Figure(
        [*lines, points([r, r], kept, "kept", "query", "diamond", marker={"symbol": "diamond", "size": 13})],
        x_title=f"Rank that is kept of {which} ({W.shape[0]} × {W.shape[1]})",
        y_title="Squared length kept (%)",
        alt=f"Share of the squared length that a low rank keeps, {which}. With {share} % of the numbers, rank {r}: "
        f"{kept[0]:.0f} % of the matrix, {kept[1]:.0f} % of what a fine-tune to courtesy added.",
        yaxis={"range": [-3, 106]},
        xaxis={"range": [-1, n + 1]},
        shapes=[rule(x=r, dash="dot")],
        annotations=[label(min(r + 1.5, 0.6 * n), 8, f"rank {short(r)}", xanchor="left")],
        legend=ABOVE_IT,
        showlegend=True,
    )
