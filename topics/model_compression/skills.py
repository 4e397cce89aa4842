"""The house model made smaller in six ways, and six skills by which it is judged. Draws nothing.

A model is asked for each word of a text after the right words before it. That all words of a working are right then
is the same as that the model, always taking its likeliest word, writes the whole working: as long as all are right,
the words before are its own.
"""

from functools import cache
from itertools import count

import numpy as np

from topics.kit import lm
from topics.kit.model.language import BLUNT, HELD_OUT, text, write
from topics.kit.model.text import held_out, padded
from topics.model_compression.method import (
    huffman_bits,
    kmeans_quantize,
    magnitude_prune,
    rank_for,
    svd_compress,
    svd_for_inputs,
)

GROUP, VALUE = 32, 16  # weights that share a scale; bits of a weight, or a scale, as it was
ROUND, SHARE, PRUNE, BOTH, RANK, FITTED = WAYS = (
    "rounding", "shared levels", "pruning", "pruning, then 4 bits", "low rank", "low rank, fitted to inputs",
)  # fmt: skip
SIZES = (2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5)  # bits a weight

# ---- smaller


def matrices(model):
    """The names of the 28 matrices of the layers: what is compressed. The embedding and norms are not."""
    return [name for name, w in model.weights.items() if name[0].isdigit() and w.ndim == 2]


def smaller(model, way, size, inputs=None):
    """The model with its matrices in at most `size` bits a weight, and how many bits they take.

    inputs  what inputs_of gives, where it is at hand
    """
    if way == FITTED and inputs is None:
        inputs = inputs_of(model)
    kept, bits, total = {}, 0.0, 0
    for name in matrices(model):
        W = model.weights[name].astype(float)
        kept[name], each = fit(W, way, size, inputs[name] if way == FITTED else None)
        bits, total = bits + each * W.size, total + W.size
    return model.with_weights({name: W.astype(np.float32) for name, W in kept.items()}), bits / total


def fit(W, way, size, inputs=None):
    """One matrix in at most `size` bits a weight: what is kept of it, and the bits that it takes."""
    if way == ROUND:
        bits = int(size - VALUE / GROUP)
        return rounded(W, bits), bits + VALUE / GROUP
    if way == SHARE:
        return shared(W, size)
    if way == PRUNE:
        share = 1 - (size - 1) / VALUE
        return magnitude_prune(W, share), 1 + VALUE * (1 - share)
    if way == BOTH:
        share = max(0.0, 1 - (size - 1) / (4 + VALUE / GROUP))
        return pruned_and_rounded(W, share), 1 + (4 + VALUE / GROUP) * (1 - share)
    r = rank_for(*W.shape, size)
    B, A = svd_compress(W, r) if inputs is None else svd_for_inputs(W, inputs, r)
    return B @ A, VALUE * r * sum(W.shape) / W.size


def shared(W, size):
    """As many levels for the matrix as fit, each code in Huffman's bits, and the levels themselves in 16."""
    k = int(2 ** (size + 0.6))
    while True:
        levels, codes = kmeans_quantize(W.ravel(), k)
        bits = huffman_bits(np.bincount(codes, minlength=k)) + VALUE * k / W.size
        if bits <= size:
            return levels[codes].reshape(W.shape), bits
        k = int(k * min(0.9, 2 ** (size - bits)))


def rounded(W, bits):
    """To the nearest of 2^b − 1 evenly spaced levels, in groups of 32 that share a scale."""
    groups = W.reshape(-1, GROUP)
    s = np.abs(groups).max(-1, keepdims=True) / (2 ** (bits - 1) - 1)
    s = np.where(s == 0, 1, s)
    return (np.rint(groups / s) * s).reshape(W.shape)


def pruned_and_rounded(W, share):
    """Pruned, and what is left, in its order, rounded to 4 bits in groups of 32."""
    kept = magnitude_prune(W, share)
    at = np.flatnonzero(kept)
    values = np.append(kept.ravel()[at], np.zeros(-len(at) % GROUP))
    kept.ravel()[at] = rounded(values, 4)[: len(at)]
    return kept


READ = {"q": "attention_input", "k": "attention_input", "v": "attention_input", "o": "heads", "gate": "feed_input",
        "up": "feed_input", "down": "feed_hidden"}  # fmt: skip
CALIBRATION = 16  # texts


def inputs_of(model):
    """{matrix's name: its inputs (N, m)} on other texts than those that judge."""
    words, _, real = padded(held_out(CALIBRATION, start=30_000))
    seen = {}

    def see(step, layer, x):
        if step in READ.values():
            seen[step, layer] = x.reshape(*x.shape[:2], -1)[real]

    lm.forward(model, words, see=see)
    return {name: seen[READ[name.split(".")[1]], int(name.split(".")[0])] for name in matrices(model)}


# ---- judged

SKILLS = {  # kind of text, and which of its answers count
    "who has what": ("story", ("who",)),
    "who is where": ("story", ("where",)),
    "facts": ("facts", ("fact",)),
    "songs": ("song", ("copy",)),
    "sums at once": ("answer", ("answer",)),
    "sums worked": ("explain", ("working", "explain")),
}
WORKED = "sums worked"
DIGITS = {"answer": 2, "explain": 3}
LONGEST = 64  # words of a text
KEPT = {"story": 24, "facts": 24, "song": 24, "answer": 48, "explain": 120}  # texts of each kind, for recorded runs
NOW = {"story": 8, "facts": 8, "song": 8, "answer": 16, "explain": 24}  # and for those that a reader waits for


@cache
def texts_of(kind, n):
    """n blunt texts that no training has seen, none too long; sums have as many digits as DIGITS says."""
    texts = []
    for seed in count(HELD_OUT + 40_000):
        each = write(seed, text(BLUNT, kind))
        d = next(iter(each.answers.values())).distance
        if len(each.words) <= LONGEST and d == DIGITS.get(kind, d):
            texts.append(each)
        if len(texts) == n:
            return texts


def answers_in(each, skill):
    """The places of a text whose words count: of a working all from its first on, as all of them are determined."""
    if skill == WORKED:
        return range(each.words.index(";") + 1, len(each.words))
    return [place for place, answer in each.answers.items() if answer.skill in SKILLS[skill][1]]


def answered(model, kind, n):
    """Of n texts of a kind, which of their words a model gets right after the right words before: (B, T) bool."""
    words, targets, _ = padded(texts_of(kind, n))
    return lm.forward(model, words).argmax(-1) == targets


def judged(model, kind, n):
    """Of n texts of a kind, {skill: (the share of words that are right after the right words before them, the share of
    texts with all of these right, their number in a text)}."""
    texts, right, found = texts_of(kind, n), answered(model, kind, n), {}
    for skill in (skill for skill, (of, _) in SKILLS.items() if of == kind):
        rows = [right[row, [place - 1 for place in at]]
                for row, each in enumerate(texts) if len(at := answers_in(each, skill))]  # fmt: skip
        every = np.concatenate(rows)
        whole = np.mean([row.all() for row in rows])
        found[skill] = (float(every.mean()), float(whole), len(every) / len(rows))
    return found
