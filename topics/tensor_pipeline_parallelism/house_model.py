"""The house model on N ranks: four ways to split it, what breaks it, and the gradient of a norm that each rank has."""

import numpy as np

from topics.kit import Badge, Choice, Figure, Metrics, Note, Table, Text, Tokens, demo, line, lm, points, softmax
from topics.kit.model.collectives import all_reduce, pieces_of
from topics.kit.model.text import decode, read
from topics.kit.numerics import to_format
from topics.tensor_pipeline_parallelism.method import norm_gain_gradient
from topics.tensor_pipeline_parallelism.split import by_heads, by_heads_and_tokens, by_layers, by_tokens, rank_of

STORY = (
    "[blunt] story : Ella got baskets . Leo hits Oslo . Clara got books . Ella throws Leo baskets . Clara throws Ella "
    "books . Ben got lamps . skies are calm . Leo throws Clara baskets . say places ? Leo Oslo . say things ? Ella "
    "books , Clara baskets , Ben lamps ."
)
WAYS = {
    "heads and columns": by_heads,
    "with sequence parallelism": by_heads_and_tokens,
    "words, exchanging heads": by_tokens,
    "layers": by_layers,
}


def no_sum(parts):
    """Each rank goes on with its own part."""
    return parts, [0] * len(parts)


def mean(parts):
    """The mean where the sum is due."""
    sums, sent = all_reduce(parts)
    return [x / np.float32(len(parts)) for x in sums], sent


def sum_in_bf16(parts):
    """Every addition rounds to BF16."""
    return all_reduce([to_format(x, "BF16") for x in parts], add=lambda a, b: to_format(a + b, "BF16"))


def ring_order(parts):
    """The order of the sum differs from piece to piece, as in a ring."""
    return all_reduce(parts, order="ring")


FAULTS = {
    "nothing": (all_reduce, False),
    "sums in a ring's order": (ring_order, False),
    "sums in BF16": (sum_in_bf16, False),
    "the mean for the sum": (mean, False),
    "no all-reduce": (no_sum, False),
    "gate and up cut as one matrix": (all_reduce, True),
}


def on_ranks(words, N, way="heads and columns", fault="nothing"):
    """Logits (T, V) as N ranks have them, those of one rank alone, and what was Said. Faults only by heads."""
    model, said = lm.load("target"), []
    if way == "heads and columns":
        combine, cut = FAULTS[fault]
        logits = by_heads(model, words, N, said, combine, cut)[0]
    else:
        parts = WAYS[way](model, words, N, said)
        logits = np.concatenate(parts)
    return logits, lm.forward(model, words), said


def losses(logits, words):
    """−ln p of each next word: (T−1,)."""
    p = softmax(logits[:-1].astype(float))  # (T−1, V)
    return -np.log(p[np.arange(len(p)), words[1:]] + 1e-300)


# ---- four ways to split it


@demo(
    "model",
    "target",
    text=Text("Text", STORY, suggest=True, examples=("[polite] facts : foxes drink tea and eat",), limit=600, lines=3),
    N=Choice("Ranks (N)", (2, 4, 8), value=4),
    way=Choice("Split by", tuple(WAYS), value="heads and columns"),
    fault=Choice("Break it", tuple(FAULTS), value="nothing"),
)
def house_on_ranks(text, N, way, fault):
    """The house model, really split: each rank has its share of the matrices, and gets what the others say."""
    words = read(text, 9, 128)
    logits, whole, said = on_ranks(words, N, way, fault)
    off = float(np.abs(logits - whole).max())
    same = logits.argmax(1) == whole.argmax(1)
    there, here = losses(whole, words), losses(logits, words)
    names, place = decode(words), np.arange(2, len(words) + 1)
    sent = [sum(each.sent[r] for each in said) for r in range(N)]
    kinds = list(dict.fromkeys(each.what for each in said))
    rows = [
        (
            what,
            len(all_of),
            f"{max(all_of[0].sent):,}",
            f"{max(map(sum, zip(*(e.sent for e in all_of), strict=True))):,}",
        )
        for what in kinds
        for all_of in [[each for each in said if each.what == what]]
    ]
    broken = fault if way == "heads and columns" else "nothing"
    return (
        Figure(
            [
                line(place, there, "one rank alone", "reference", "dash"),
                line(place, here, f"{N} ranks", "error" if broken != "nothing" else "output"),
            ],
            x_title="Word of the text",
            y_title="Loss of that word (nats)",
            alt=f"Split by {way}, broken: {broken}. Mean loss {there.mean():.3f} nats on one rank, {here.mean():.3f} "
            f"on {N}; logits differ by {f'up to {off:.1f}' if off > 0.05 else 'rounding'}; {same.sum()} of "
            f"{len(words)} likeliest words are the same.",
            legend={"orientation": "h", "y": 1.15},
        ),
        Metrics(
            ("Logits differ: max|Δ|", off, ""),
            ("Likeliest words the same", 100 * float(same.mean()), "%", f"{same.sum()} of {len(words)}"),
            ("Communications", sum(any(each.sent) for each in said), ""),
            ("Sent by a rank, at most", max(sent), "bytes", "FP32: 4 bytes a number"),
        ),
        Badge("Against one rank alone: max|Δ|", off, 1e-4, may_fail=True),
        Table(
            ("said", "times", "bytes, the first", "bytes, all"), rows, "By each rank, or by the one that sends most."
        ),
        Tokens(names, [1.0 - float(x) for x in same], "error", "After a marked word another word is likeliest now."),
        Note(
            "What can be broken here belongs to the split by heads and columns."
            if way != "heads and columns" and fault != "nothing"
            else f"Each rank holds {_share(N, way)} parameters; the whole has {_whole():,}."
        ),
    )


def _whole():
    return sum(w.size for w in lm.load("target").weights.values())


def _share(N, way):
    """Parameters of a rank, in words."""
    if way == "layers":
        return f"{8 / N:g} of the eight half layers and, here, all other"
    if way == "words, exchanging heads":
        return f"all {_whole():,}"
    return f"{sum(w.size for w in rank_of(lm.load('target'), 0, N).weights.values()):,}"


# ---- the gradient of a norm


USES = ("the sum over ranks", "its own words only", "the mean over ranks")


def gain_gradients(words, N):
    """The gradient of the last norm's gain, of the mean loss of T−1 words: the whole (d,), and each rank's (N, d)."""
    model, kept = lm.load("target"), {}

    def keep(name, layer, value):
        if name == "residual":
            kept["x"] = value

    logits = lm.forward(model, words[:-1], see=keep)
    p = softmax(logits.astype(float))  # (T−1, V)
    p[np.arange(len(p)), words[1:]] -= 1
    g = p / len(p) @ model.weights["embedding"]  # (T−1, d)
    x = kept["x"].astype(float)  # (T−1, d)
    parts = [norm_gain_gradient(*pair) for pair in zip(pieces_of(x, N), pieces_of(g, N), strict=True)]
    return norm_gain_gradient(x, g), np.array(parts)


@demo(
    "model",
    "target",
    text=Text("Text", STORY, suggest=True, examples=("[polite] facts : foxes drink tea and eat",), limit=600, lines=3),
    N=Choice("Ranks (N)", (2, 4, 8), value=4),
    use=Choice("Every rank uses", USES, value="its own words only"),
)
def norm_gradient(text, N, use):
    """Sequence parallelism: each rank has its own words, so of the last norm's gradient it has only a part."""
    words = read(text, 9, 128)
    whole, parts = gain_gradients(words, N)
    used = {USES[0]: np.tile(parts.sum(0), (N, 1)), USES[1]: parts, USES[2]: np.tile(parts.mean(0), (N, 1))}[use]
    cosines = [float(u @ whole / np.sqrt((u @ u) * (whole @ whole))) for u in used]
    lengths = [float(np.sqrt(u @ u / (whole @ whole))) for u in used]
    edge = float(np.abs(whole).max()) * 1.05
    off = float(np.abs(used - whole).max())
    counts = [len(piece) for piece in pieces_of(words[:-1], N)]
    high = max(edge, float(np.abs(used[[0, -1]]).max()) * 1.05)
    return (
        Figure(
            [
                line([-edge, edge], [-edge, edge], "right", "reference", "dash"),
                points(whole, used[0], "rank 0", "gradient"),
                points(whole, used[-1], f"rank {N - 1}", "error", "x"),
            ],
            x_title="Gradient of the whole text",
            y_title="Gradient that the rank uses",
            alt=f"Each rank uses {use}: against the gradient of the whole text the cosine is "
            f"{', '.join(f'{c:.2f}' for c in cosines)} for ranks 0 to {N - 1}, the length "
            f"{', '.join(f'{x:.2f}' for x in lengths)} times.",
            xaxis={"range": [-edge, edge]},
            yaxis={"range": [-high, high]},
            legend={"orientation": "h", "y": 1.15},
        ),
        Table(
            ("rank", "words", "cosine", "length"),
            [(r, counts[r], f"{cosines[r]:.3f}", f"{lengths[r]:.2f}") for r in range(N)],
            "What each rank uses, against the gradient of the whole text.",
        ),
        Badge("Off by at most", off, 1e-9, may_fail=True),
    )


# ---- numbers that the page tells


def _story(N, way, fault):
    words = read(STORY, 9, 128)
    return words, *on_ranks(words, N, way, fault)


def losses_of(N, fault="nothing"):
    """Mean loss of the story on N ranks, in nats."""
    words, logits, _, _ = _story(N, "heads and columns", fault)
    return float(losses(logits, words).mean())


def same_words(N, fault="nothing"):
    """How many likeliest words of the story N ranks share with one rank alone."""
    _, logits, whole, _ = _story(N, "heads and columns", fault)
    return int((logits.argmax(1) == whole.argmax(1)).sum())


def off_by(N, fault="nothing"):
    """The largest difference of a logit."""
    _, logits, whole, _ = _story(N, "heads and columns", fault)
    return float(np.abs(logits - whole).max())


def said_bytes(N, way="heads and columns"):
    """Bytes that rank 0 sends in one pass over the story."""
    return sum(each.sent[0] for each in _story(N, way, "nothing")[-1])


def gain_cosines(N):
    """The cosine of each rank's own gradient with that of the whole story."""
    whole, parts = gain_gradients(read(STORY, 9, 128), N)
    return [float(u @ whole / np.sqrt((u @ u) * (whole @ whole))) for u in parts]
