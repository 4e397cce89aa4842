"""Model compression: fewer numbers, shared numbers, shorter names for them, and a small model that learns from a large.

W (n, m) a matrix   N = n·m its weights   ρ the share of them that is kept   r rank   k levels   b bits of a value
p the teacher's law   q the student's   T temperature   α weight of the labels   β weight of a first law in a mixture
"""

import heapq
from itertools import count

import numpy as np

# ---- fewer numbers


def magnitude_prune(W, share):
    """W with the smallest of its weights set to zero, `share` of them, by size (eq:prune).

    W        any shape
    returns  the same shape. Of equal sizes the first in the array go: never more than asked

    >>> magnitude_prune(np.array([0.3, -0.1, 0.1, 2.0]), 0.25).tolist()
    [0.3, 0.0, 0.1, 2.0]
    """
    gone = np.argsort(np.abs(W), axis=None, kind="stable")[: round(share * W.size)]
    kept = W.copy()
    kept.ravel()[gone] = 0
    return kept


def bitmap_bits(density, b):
    """Bits a weight of a sparse matrix: one bit says whether there is a value, and values have b bits (eq:bitmap).

    >>> bitmap_bits(0.5, 16)
    9.0
    """
    return 1 + density * b


def gap_bits(density, b, g):
    """Bits a weight, in the mean, where each value is stored with the number of zeros before it, in g bits (eq:gaps).

    A gap of 2^g or more needs padding: a value that is zero. Places are kept by chance, independently.
    """
    padding = (1 - density) ** 2**g  # P(a further padding zero)
    return density * (b + g) * (1 + padding / (1 - padding))


def best_gap_bits(density, b):
    """The least gap_bits over widths of 1 to 8 bits, and the width."""
    return min((gap_bits(density, b, g), g) for g in range(1, 9))


def crossover(better, low, high, steps=60):
    """Where between low and high a question begins to be answered with yes, by halving.

    >>> round(crossover(lambda x: x * x > 2, 0, 2), 4)
    1.4142
    """
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (low, middle) if better(middle) else (middle, high)
    return high


def svd_compress(W, r):
    """The best factors of rank r: B (n, r) and A (r, m), whose product is nearest to W (eq:svd)."""
    U, s, Vt = np.linalg.svd(W, full_matrices=False)  # U (n, k), s (k,), Vt (k, m)
    return U[:, :r] * s[:r], Vt[:r]


def svd_for_inputs(W, X, r, damp=1e-3):
    """The same, nearest in what it does to inputs X (N, m): X(BA)ᵀ to XWᵀ.

    Truncates W·L with XᵀX = LLᵀ, and takes L out again, as SVD-LLM does (arXiv 2403.07378).
    """
    H = X.T.astype(float) @ X  # (m, m)
    L = np.linalg.cholesky(H + damp * np.trace(H) / len(H) * np.eye(len(H)))  # (m, m)
    B, A = svd_compress(W @ L, r)
    return B, np.linalg.solve(L.T, A.T).T


def rank_for(n, m, b):
    """The largest rank whose two factors, in 16 bits, take at most b bits a weight: r (n + m) · 16 ≤ b · n · m.

    >>> rank_for(96, 96, 8)
    24
    """
    return int(b * n * m / (16 * (n + m)))


# ---- shared numbers


def kmeans_quantize(w, k, rounds=20):
    """k levels for the weights, and the code of each: Lloyd's iteration from evenly spaced levels (eq:kmeans).

    A level that nobody is nearest to stays where it is; levels ascend, and codes are whole numbers.

    w        (N,)
    returns  the levels, k of them, and the code of each weight

    >>> levels, codes = kmeans_quantize(np.array([0.0, 0.1, 1.0, 1.2]), 2)
    >>> levels.round(2).tolist(), codes.tolist()
    ([0.05, 1.1], [0, 0, 1, 1])
    """
    order = np.sort(w)  # (N,): in order, a level's weights stand side by side, and their sum is a difference of two
    sums = np.concatenate([[0.0], np.cumsum(order)])
    levels = np.linspace(order[0], order[-1], k)  # (k,)
    for _ in range(rounds):
        ends = np.searchsorted(order, (levels[1:] + levels[:-1]) / 2)
        ends = np.concatenate([[0], ends, [len(w)]])
        n = np.diff(ends)  # (k,)
        levels = np.where(n > 0, np.diff(sums[ends]) / np.maximum(n, 1), levels)
    return levels, np.searchsorted((levels[1:] + levels[:-1]) / 2, w)


# ---- shorter names


def entropy(counts):
    """Bits a symbol that no code for single symbols can beat in the mean (eq:entropy).

    >>> entropy(np.array([2, 1, 1, 0]))
    1.5
    """
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log2(p)).sum())


def huffman_lengths(counts):
    """How long the code of each symbol is, in bits: the two rarest are joined, again and again.

    counts   (k,)
    returns  (k,) ints, 0 for a symbol that never comes. A symbol that comes alone still takes 1 bit

    >>> huffman_lengths(np.array([4, 2, 1, 1])).tolist()
    [1, 2, 3, 3]
    """
    tick = count()
    heap = [(int(n), next(tick), [i]) for i, n in enumerate(counts) if n > 0]
    heapq.heapify(heap)
    lengths = np.zeros(len(counts), int)  # (k,)
    if len(heap) == 1:
        lengths[heap[0][2]] = 1
    while len(heap) > 1:
        (n, _, some), (more, _, others) = heapq.heappop(heap), heapq.heappop(heap)
        lengths[some + others] += 1
        heapq.heappush(heap, (n + more, next(tick), some + others))
    return lengths


def huffman_bits(counts):
    """Bits a symbol in the mean with that code: between the entropy and one more."""
    return float((counts * huffman_lengths(counts)).sum() / counts.sum())


def canonical_codes(lengths):
    """A code word for each length, none the beginning of another: {symbol: text of 0 and 1}.

    Shorter first, and of equal length in the order of symbols: so a file needs to hold the lengths alone.

    >>> canonical_codes(np.array([1, 2, 3, 3]))
    {0: '0', 1: '10', 2: '110', 3: '111'}
    """
    codes, code, before = {}, 0, 0
    for length, symbol in sorted((int(x), i) for i, x in enumerate(lengths) if x):
        code <<= length - before
        codes[symbol] = f"{code:0{length}b}"
        code, before = code + 1, length
    return codes


def decoded(bits, codes, n):
    """The first n symbols of a text of bits, read from left to right."""
    symbols, found, word = {code: symbol for symbol, code in codes.items()}, [], ""
    for bit in bits:
        word += bit
        if word in symbols:
            found.append(symbols[word])
            word = ""
            if len(found) == n:
                break
    return found


# ---- a student


def log_softmax(z):
    """log softmax along the last axis."""
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def distillation_loss(student, teacher, labels, T, alpha):
    """α · cross-entropy with the labels + (1 − α) · T² · KL(teacher at T ‖ student at T), the mean over rows (eq:kd).

    student, teacher  (N, V) logits
    labels            (N,) ints
    """
    hard = -np.take_along_axis(log_softmax(student), labels[:, None], -1).mean()
    log_p, log_q = log_softmax(teacher / T), log_softmax(student / T)  # (N, V)
    soft = (np.exp(log_p) * (log_p - log_q)).sum(-1).mean()
    return float(alpha * hard + (1 - alpha) * T**2 * soft)


def soft_gradient(student, teacher, T, squared=True):
    """The slope of T²·KL by the student's logits, T·(q − p) at T; without T² it is (q − p)/T (eq:slope).

    student, teacher  (..., V) logits
    """
    off = np.exp(log_softmax(student / T)) - np.exp(log_softmax(teacher / T))  # (..., V)
    return off * T if squared else off / T


def generalised_jsd(p, q, beta):
    """β·KL(p ‖ M) + (1 − β)·KL(q ‖ M) with M = βp + (1 − β)q, of laws without zeros (eq:jsd).

    p, q  (..., V)
    """
    M = beta * p + (1 - beta) * q  # (..., V)
    return (beta * p * np.log(p / M) + (1 - beta) * q * np.log(q / M)).sum(-1)
