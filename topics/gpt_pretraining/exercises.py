"""What a reader of the page on GPT pretraining is asked."""

import math
from itertools import pairwise

import numpy as np

from topics.kit import exercise, same


def _loss(logits, tokens, real):
    x = logits[:, :-1] - logits[:, :-1].max(-1, keepdims=True)
    log_p = x - np.log(np.exp(x).sum(-1, keepdims=True))
    right = np.take_along_axis(log_p, tokens[:, 1:, None], -1)[..., 0]
    return -right[real[:, 1:]].mean()


@exercise(
    start="""
        def loss(logits, tokens, real):
            # logits (B, T, V)     tokens (B, T)     real (B, T): False where a row is padded
            p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
            right = np.take_along_axis(p, tokens[..., None], -1)[..., 0]
            return -np.log(right).mean()
    """,
    solution=_loss,
    hint="The logits at position t speak of the token at t + 1, so the last ones have nothing to be compared with and "
    "the first token is never predicted. What is exp(10000), and what is the log of a softmax without it?",
)
def shift_the_labels(answer, rng):
    """Write `loss(logits, tokens, real)`: the mean of −ln p(next token), in nats, over all tokens that are predicted
    and real. The starter code makes three mistakes: it shifts nothing, counts padding, and breaks at large logits."""
    for size in (1.0, 1.0, 1e4):
        B, T, V = (int(n) for n in rng.integers([2, 4, 3], [4, 7, 6]))
        logits, tokens = size * rng.normal(size=(B, T, V)), rng.integers(0, V, (B, T))
        lengths = [T, *(int(n) for n in rng.integers(2, T, B - 1))]  # of different rows
        real = np.arange(T) < np.array(lengths)[:, None]
        losses = []
        for b in range(B):
            for t in range(lengths[b] - 1):
                row = [float(x) for x in logits[b, t]]
                most = max(row)
                losses.append(most + math.log(sum(math.exp(x - most) for x in row)) - row[tokens[b, t + 1]])
        given = {"logits": logits.copy(), "tokens": tokens.copy(), "real": real.copy()}
        same(answer(logits, tokens, real), sum(losses) / len(losses), "the loss", **given)


def _merge(words, new):
    def split(word, pair):
        out = []
        for token in word:
            if out and (out[-1], token) == pair:
                out[-1] = new
            else:
                out.append(token)
        return out

    counts = {}
    for word in words:
        last = None
        for pair in pairwise(word):
            if pair == last and pair[0] == pair[1]:
                last = None
                continue
            last = pair
            counts[pair] = counts.get(pair, 0) + 1
    best = max(counts, key=counts.get)  # the first of equals
    return best, [split(word, best) for word in words]


@exercise(
    start="""
        def merge_once(words, new):
            # words: lists of token numbers; merges never cross a word's end     new: the number of the new token
            pair, merged = (0, 0), words
            return pair, merged
    """,
    solution=_merge,
    hint="Go through the words from left to right. In 5 5 5 only one pair can be merged, in 5 5 5 5 two. A dict keeps "
    "the order in which its keys came.",
)
def learn_one_merge(answer, rng):
    """Write `merge_once(words, new)`, one step of BPE training. Return the pair (left, right) that can be merged most
    often, overlapping occurrences counted as often as they could be merged; of equally frequent pairs the one that
    comes first. And return the words with that pair replaced by `new`, from the left."""
    cases = [
        [[5, 5, 5, 5, 5], [7, 8], [7, 8], [9, 7, 8]],  # (5, 5) four times if overlaps count, two if not
        [[3, 3, 3], [4, 3, 3]],  # merged from the left: 300 3, and 4 300
        [[6, 2], [1, 9], [1, 9], [6, 2]],  # a tie: the first that comes, not the smaller or the last
        [[1, 2], [2, 1], [1, 2, 1, 2]],  # twice in a word
        [[4, 5, 9], [8, 4, 5], [5, 8], [8, 4]],  # with merges across words (9, 8) and (5, 5) would appear
        [[9, 1], [9, 1], [1, 9], [1, 9], [1, 9]],  # left and right are not the same
        [[2, 3], [3, 2, 3], [8, 6], [8, 6, 6], [8, 1]],
        *([[int(n) for n in rng.integers(0, 3, rng.integers(2, 9))] for _ in range(6)] for _ in range(4)),
        *([*rng.permutation(99)[:10].reshape(5, 2).tolist()] * 2 for _ in range(4)),  # five pairs, twice each
    ]
    for words in cases:
        new = int(rng.integers(300, 400))
        counts = {}
        for word in words:
            pairs = list(pairwise(word))
            for pair in pairs:
                counts.setdefault(pair, 0)
            for pair in set(pairs):
                i = 0
                while i < len(pairs):  # the oracle: merge it, and count how often that went
                    counts[pair] += pairs[i] == pair
                    i += 1 + (pairs[i] == pair)
        pair = max(counts, key=counts.get)
        merged = []
        for word in words:
            left, out = list(word), []
            while left:
                at = len(left) > 1 and (left[0], left[1]) == pair
                out.append(new if at else left[0])
                left = left[1 + at :]
            merged.append(out)
        got = answer([list(word) for word in words], new)
        assert isinstance(got, tuple) and len(got) == 2, f"expected the pair and the words, got {got!r}"
        assert tuple(got[0]) == pair, f"the pair: expected {pair}, got {tuple(got[0])}; for words = {words}"
        mine = [list(word) for word in got[1]]
        assert mine == merged, f"the words: expected {merged}, got {mine}; for words = {words}, new = {new}"


def _cut(logits, temperature, top_p):
    x = logits / temperature
    e = np.exp(x - x.max())
    p = e / e.sum()
    order = np.argsort(-p, kind="stable")
    before = np.cumsum(p[order]) - p[order]
    kept = np.zeros(len(p))
    chosen = order[before < top_p]
    kept[chosen] = p[chosen]
    return kept / kept.sum()


@exercise(
    start="""
        def cut(logits, temperature, top_p):
            p = np.exp(logits) / np.exp(logits).sum()
            order = np.argsort(-p)
            kept = order[np.cumsum(p[order]) <= top_p]
            return np.where(np.isin(np.arange(len(p)), kept), p, 0)
    """,
    solution=_cut,
    hint="The temperature comes before softmax and so before the cut. The token with which the sum crosses p is kept. "
    "And what is left must sum to one.",
)
def cut_the_tail(answer, rng):
    """Write `cut(logits, temperature, top_p)`: the law (V,) from which a token is drawn. Divide by the temperature,
    keep the fewest likeliest tokens whose probabilities reach `top_p`, and make them sum to one."""
    for size, temperature, top_p in (
        (1.0, 1.0, 0.5),
        (1.5, 2.0, 0.7),
        (1.5, 0.5, 0.8),
        (1e4, 1.0, 0.9),
        (1.0, 1.0, 1.0),
        (3.0, 1.3, 0.05),
    ):
        V = int(rng.integers(6, 12))
        logits = size * rng.normal(size=V)
        row = [float(x) / temperature for x in logits]
        p = [math.exp(x - max(row)) for x in row]
        p = [x / sum(p) for x in p]
        kept, total = [0.0] * V, 0.0
        for i in sorted(range(V), key=lambda i, p=p: -p[i]):  # the oracle: one token after the other
            if total >= top_p:
                break
            kept[i], total = p[i], total + p[i]
        expected = [x / sum(kept) for x in kept]
        given = {"logits": logits.copy(), "temperature": temperature, "top_p": top_p}
        same(answer(logits, temperature, top_p), expected, "the law", atol=1e-15, **given)


def _slopes(f, x):
    g = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += 1e-5
        down[i] -= 1e-5
        g[i] = (f(up) - f(down)) / 2e-5
    return g


@exercise(
    start="""
        def slopes(f, x):
            # f: arrays of x's shape to a number     x: an array of floats, which must stay as it is
            g = np.zeros_like(x)
            for i in np.ndindex(x.shape):
                before = f(x)
                x[i] += 1e-12
                g[i] = (f(x) - before) / 1e-12
            return g
    """,
    solution=_slopes,
    hint="Go a little up and a little down from the same place, and divide by the whole way. With a step of 1e-12 the "
    "difference drowns in rounding; with one of 0.01 the curve bends. 1e-5 is a good middle in FP64.",
)
def check_a_gradient(answer, rng):
    """Write `slopes(f, x)`: the gradient of `f` at `x`, by central differences, one number of `x` after the other. This
    is how a backward pass is checked: it knows nothing of derivatives. An error of 3e-7 is allowed. The starter code
    makes three mistakes."""
    for shape in ((4,), (2, 3), (3, 1, 2)):
        x, a, b, c = rng.uniform(0.5, 2, (4, *shape))

        def f(z, a=a, b=b, c=c):
            return float((a * z + 40 * b * z * z + c * np.sin(3 * z)).sum())

        kept, expected = x.copy(), a + 80 * b * x + 3 * c * np.cos(3 * x)
        got = answer(f, x)
        assert np.array_equal(x, kept), "x must stay as it is"
        same(got, expected, "the gradient", rtol=0, atol=3e-7, x=kept)
