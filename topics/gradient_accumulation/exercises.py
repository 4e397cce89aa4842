"""What a reader of the page on gradient accumulation is asked."""

import math

import numpy as np

from topics.kit import exercise, same


def _batch_gradient(ranks, limit):
    total, words = 0.0, 0
    for pieces in ranks:
        for g, labels in pieces:
            counts = labels[:, 1:] != -100
            total = total + g[counts].sum(0)
            words += counts.sum()
    mean = total / words
    return mean * min(1.0, limit / np.sqrt(mean @ mean))


@exercise(
    start="""
        def batch_gradient(ranks, limit):
            # ranks: of each GPU its pieces; a piece is (g, labels), g (n, T-1, P), labels (n, T)
            means = [np.mean([g.mean((0, 1)) for g, labels in pieces], axis=0) for pieces in ranks]
            return np.mean(means, axis=0)
    """,
    solution=_batch_gradient,
    hint="Two sums go through all pieces of all GPUs: one of gradients, one of words. Divide once, then clip once.",
)
def add_up_the_pieces(answer, rng):
    """Write `batch_gradient(ranks, limit)`: the gradient, shape (P,), with which the optimiser steps. `ranks` has a
    list of pieces for each GPU. A piece is `(g, labels)`: `labels[i, t]` is token t of text i, or −100 if it does not
    count, and `g[i, t]` is the gradient of −log p(token t + 1). Every token that counts and that was predicted weighs
    the same, wherever it stands. A gradient longer than `limit` is shortened to `limit`."""
    for sizes, limit in [([[2, 2], [2, 1]], 1e9), ([[3], [1, 2, 1]], 1e9), ([[1, 1], [4]], 0.05), ([[2]], 1e9)]:
        ranks = [[_piece(rng, n) for n in of_rank] for of_rank in sizes]
        if sizes[0] == [3]:  # a piece in which nothing is to be learnt
            ranks[1][0][1][:] = -100
        sums, words = [0.0] * 3, 0
        for pieces in ranks:
            for g, labels in pieces:
                for i in range(len(labels)):
                    for t in range(labels.shape[1] - 1):
                        if labels[i, t + 1] != -100:
                            words += 1
                            sums = [a + x for a, x in zip(sums, g[i, t].tolist(), strict=True)]
        mean = [a / words for a in sums]
        length = math.sqrt(sum(a * a for a in mean))
        expected = [a * min(1.0, limit / length) for a in mean]
        case = f"the gradient of {len(ranks)} GPUs, texts in their pieces {' and '.join(map(str, sizes))}"
        same(answer(ranks, limit), expected, case, limit=limit)


def _piece(rng, n):
    """g (n, T − 1, 3) and labels (n, T) of n texts, padded behind, with a prompt that does not count before some."""
    T = int(rng.integers(4, 9))
    labels = rng.integers(0, 50, (n, T))
    g = rng.normal(0.4, 1, (n, T - 1, 3))
    for i in range(n):
        labels[i, int(rng.integers(3, T + 1)) :] = -100
        if i % 2:
            labels[i, : int(rng.integers(1, 3))] = -100
    g[labels[:, 1:] == -100] += rng.normal(3, 1, 3)  # what is there is not nothing
    return g, labels


def _noise_scale(g, b):
    k, mean = len(g), g.mean(0)
    S = b * ((g - mean) ** 2).sum() / (k - 1)
    return S / (mean @ mean - S / (k * b))


@exercise(
    start="""
        def noise_scale(g, b):
            # g (k, P): the mean gradient of each of k pieces; b texts in a piece
            G = g.mean(0)
            return ((g - G) ** 2).sum() / (G @ G)
    """,
    solution=_noise_scale,
    hint="The variance of a piece of b texts is b times less than that of one text. And the square of the mean of k "
    "pieces is still too long by S / (k b).",
)
def noise_from_pieces(answer, rng):
    """Whoever accumulates has two batch sizes for nothing: the piece and the batch. Write `noise_scale(g, b)`: the
    noise scale S / |G|² in texts, from the mean gradients of k ≥ 2 pieces of b texts each, without bias in S and in
    |G|²."""
    for k, b, P in [(2, 1, 2), (4, 1, 3), (3, 4, 2), (8, 2, 5), *rng.integers([2, 2, 1], [9, 9, 5], (3, 3)).tolist()]:
        g = rng.normal(size=(k, P)) + 1.5
        small = sum(x * x for row in g.tolist() for x in row) / k
        big = sum((sum(row[c] for row in g.tolist()) / k) ** 2 for c in range(P))
        G2 = (k * b * big - b * small) / (k * b - b)
        S = (small - big) / (1 / b - 1 / (k * b))
        same(answer(g, b), S / G2, "the noise scale", rtol=1e-7, g=g, b=b)
