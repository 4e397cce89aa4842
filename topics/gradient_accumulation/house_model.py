"""The house model's gradient, put together from pieces of a batch."""

from functools import lru_cache
from itertools import count, islice

import numpy as np

from topics.gradient_accumulation.method import accumulate, token_weighted_loss, word_weights
from topics.kit import Badge, Figure, LogSlider, Metrics, Note, Progress, Seed, Toggle, bars, demo, lm, rule
from topics.kit.model.text import held_out, padded
from topics.kit.model.training import loss_and_gradients, next_token_loss

TEXTS, LONGEST = 8, 40  # texts of a batch, and words that count of one: one pass over longer ones takes seconds
ROUNDING = 1e-5  # in FP32, in parts of a gradient's length


@demo(
    "model",
    "target",
    size=LogSlider("Texts in a piece", 1, 8, value=1),
    right=Toggle("Divide every piece by the words of the whole batch"),
    seed=Seed("Texts"),
)
def pieces_of_a_batch(size, right, seed):
    """Eight texts in pieces: how much a word of each text weighs in the gradient, and how far off the gradient is."""
    texts = eight_texts(seed)
    counts, groups = counted_words(texts), groups_of(size)
    for j, so_far in enumerate(batch_in_pieces(size, right, seed), 1):
        yield Progress(j, len(groups), "Pieces")
        mine = so_far
    whole = in_one(seed)
    weights = np.ones(TEXTS) if right else word_weights(counts, groups)
    off, turned, length = apart(mine[1], whole[1])
    most, least = int(np.argmax(weights)), int(np.argmin(weights))
    figure = Figure(
        [bars(list(range(TEXTS)), weights, "weight of a word", "output" if right else "error",
              text=[f"{w:.2f}" for w in weights])],
        x_title="Words of each text that count",
        y_title="Weight of one word (1: fair)",
        alt=f"Eight texts of {', '.join(map(str, counts))} words in pieces of {size}. "
        + ("All words weigh 1, which is fair. " if right or size == TEXTS else
           f"A word of text {most + 1} weighs {weights[most]:.2f}, one of text {least + 1} {weights[least]:.2f}, "
           "where 1 is fair. ")
        + (f"The gradient is off by {100 * off:.3g} % and turned by {turned:.3g} degrees." if off > ROUNDING else
           "The gradient is off by rounding only."),
        xaxis={"tickvals": list(range(TEXTS)), "ticktext": [str(n) for n in counts]},
        yaxis={"range": [0, 1.18 * max(*weights, 1.2)]},
        shapes=[rule(y=1)],
    )  # fmt: skip
    yield (
        figure,
        Metrics(
            (
                "Gradient off by",
                100 * off if off > ROUNDING else 0.0,
                "%",
                "length of the difference / length of the batch's gradient",
            ),
            ("Turned by", turned if off > ROUNDING else 0.0, "°", "angle to the batch's gradient"),
            ("Its length", length, "× the batch's"),
            ("Loss reported", mine[0], "nats", f"of one batch: {whole[0]:.3f}"),
        ),
        Badge("Length of the difference, in parts of the batch's gradient", off, ROUNDING, may_fail=True),
        _note(size, right, texts[most], weights[most]),
    )


def _note(size, right, text, weight):
    if right:
        return Note("Each piece's sum over its words is divided by the words of all eight texts: every word is equal.")
    if size == TEXTS:
        return Note("One piece holds the whole batch: there is only one number to divide by.")
    kind = str(text.words[1])
    return Note(
        f"Each piece is averaged over its own words, and then the pieces are averaged. A word of the “{kind}” of "
        f"{len(text.words) - 1} words weighs {weight:.2f} times its fair share.",
        "warning",
    )


def eight_texts(seed):
    """The first eight held-out texts, from number 32 · seed on, that are not longer than LONGEST."""
    texts = (text for i in count(32 * seed) for text in held_out(1, start=i))
    return list(islice((text for text in texts if len(text.words) - 1 <= LONGEST), TEXTS))


def groups_of(size):
    """The numbers of the eight texts, piece by piece."""
    return [list(range(i, i + size)) for i in range(0, TEXTS, size)]


def counted_words(texts):
    """How many words of each text have one before them: all but the first."""
    return [len(each.words) - 1 for each in texts]


def batch_in_pieces(size, right, seed):
    """Loss and gradient of the eight texts, one piece after the other: what is summed so far, after each.

    right    every piece is divided by the words of all, and not averaged over its own and then over the pieces
    """
    model, texts = lm.load("target"), eight_texts(seed)
    groups, so_far = groups_of(size), None
    for group in groups:
        piece = [texts[i] for i in group]
        N = sum(counted_words(texts)) if right else len(groups) * sum(counted_words(piece))  # the mean of means
        so_far = accumulate(so_far, model.weights, share_of(model, N), padded(piece))
        yield so_far


def mean_of_means(size, seed=0):
    """What averaging pieces of so many texts gives: how far off the gradient is (parts of its length), by how many
    degrees, how long (parts of the batch's), and the loss too high by (nats)."""
    *_, mine = batch_in_pieces(size, False, seed)
    whole = in_one(seed)
    return *apart(mine[1], whole[1]), mine[0] - whole[0]


def share_of(model, N):
    """What accumulate takes as loss_of: a piece (words, targets, real) of a batch in which N words count."""

    def loss_of(weights, piece):
        words, targets, real = piece
        return token_weighted_loss(lm.forward(model.with_weights(weights), words), targets, real, N)

    return loss_of


@lru_cache(maxsize=4)
def in_one(seed):
    """Loss and gradient of the eight texts as one batch."""
    model, texts = lm.load("target"), eight_texts(seed)
    return loss_and_gradients(model.weights, next_token_loss(model), padded(texts))


def apart(g, true):
    """How far a gradient {name: array} is off the true one: in parts of its length, in degrees; and its length, in
    parts of the true one's."""
    dot, mine, its = (sum(float(np.vdot(a[name], b[name])) for name in true)
                      for a, b in ((g, true), (g, g), (true, true)))  # fmt: skip
    difference = sum(float(np.square(g[name] - true[name]).sum(dtype=float)) for name in true)
    cosine = min(1.0, dot / np.sqrt(mine * its))
    return float(np.sqrt(difference / its)), float(np.degrees(np.arccos(cosine))), float(np.sqrt(mine / its))
