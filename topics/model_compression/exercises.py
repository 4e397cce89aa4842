"""What a reader of the page on model compression is asked."""

import math

import numpy as np

from topics.kit import exercise, same

# ---- exactly so many


def _prune_so_many(W, n):
    gone = np.argsort(np.abs(W).ravel(), kind="stable")[:n]
    kept = W.copy().ravel()
    kept[gone] = 0
    return kept.reshape(W.shape)


@exercise(
    start="""
        def prune(W, n):
            limit = np.sort(np.abs(W).ravel())[n - 1]
            return np.where(np.abs(W) <= limit, 0, W)
    """,
    solution=_prune_so_many,
    hint="A limit can't tell two weights of equal size apart. Sort places instead of sizes (`np.argsort` of the "
    "raveled sizes), and set the first n places to zero in a copy.",
)
def prune_exactly(answer, rng):
    """Write `prune(W, n)`: a copy of `W` in which the `n` weights of smallest size are zero. Of equal sizes any may go,
    but exactly `n` weights go, no more; weights that are zero already are the first of these `n`. `n` may be 0 or all.
    `W` has any shape and is not changed."""
    ties = np.array([[0.5, -0.5, 0.5, 1.0], [-0.5, 0.5, 2.0, -0.25]])
    cases = [
        (ties, 3), (np.full((3, 4), -0.125), 5), (np.array([3.0, -1.0, 2.0]), 0), (rng.normal(size=(2, 3)), 6),
        (np.array([0.0, 0.0, 0.0, -4.0, 1.0]), 2), (rng.normal(size=(4, 2, 3)), 7),
        (rng.integers(-3, 4, (5, 6)).astype(float), int(rng.integers(8, 20))),
        (0.5009 - 0.0001 * np.arange(8), 3),  # sizes that are nearly equal, the smallest last
    ]  # fmt: skip
    for W, n in cases:
        given = W.copy()
        got = answer(given, n)
        same(given, W, "the array W that you were given")
        assert got is not given, "return a copy: what came is the array W that you were given"
        got = np.asarray(got, float)
        assert got.shape == W.shape, f"the shape is {got.shape}, expected {W.shape}"
        changed = got != W
        same(got[changed], np.zeros(int(changed.sum())), "what was changed", W=W, n=n)
        zeros = max(n, int((W == 0).sum()))
        assert int((got == 0).sum()) == zeros, (
            f"{int((got == 0).sum())} weights are zero, expected {zeros}\nW = {W.tolist()}\nn = {n}"
        )
        left, all_sizes = sorted(abs(x) for x in got.ravel().tolist()), sorted(abs(x) for x in W.ravel().tolist())
        same(left[zeros:], all_sizes[zeros:], "the sizes of what is left, sorted", W=W, n=n)


# ---- the price of places


def _two_prices(W, b, g):
    w = W.ravel()
    at = np.flatnonzero(w)
    zeros = np.diff(np.concatenate([[-1], at])) - 1
    entries = len(at) + int((zeros // 2**g).sum())
    return len(w) + b * len(at), entries * (g + b)


@exercise(
    start="""
        def sparse_bits(W, b, g):
            n = np.count_nonzero(W)
            return n * b, n * (b + g)
    """,
    solution=_two_prices,
    hint="The zeros before each value: `np.diff` of the places, beginning at −1, less one. A gap of 2^g zeros or more "
    "costs a whole further entry for every 2^g of them.",
)
def count_sparse_bits(answer, rng):
    """Write `sparse_bits(W, b, g)`: how many bits `W`, read row by row as one list, takes in two ways; return both.
    *Bitmap:* one bit for each weight, and `b` bits for each that is not zero. *Gaps:* each value is an entry of `g`
    bits for the number of zeros before it, 0 to 2^g − 1, and `b` bits. Where more zeros come, padding entries stand
    before: each is 2^g − 1 zeros and a value that is itself zero, so it covers 2^g zeros. Zeros behind the last value
    cost nothing in gaps."""
    row = np.zeros(40)
    row[[4, 21]] = 1.5, -2.0  # gaps of 4 and 16
    long = np.zeros((2, 50))
    long[1, 7] = 0.5  # a gap of 57, over the end of a row
    exact = np.zeros(9)
    exact[8] = 1.0  # a gap of 8
    cases = [(row, 4, 4), (row, 4, 3), (long, 8, 3), (long, 5, 2), (exact, 4, 3), (exact[1:], 4, 3),
             (np.zeros((2, 3)), 4, 4), (np.arange(1.0, 7).reshape(2, 3), 16, 2)]  # fmt: skip
    for density in (0.05, 0.3):
        W = rng.normal(size=(6, 17)) * (rng.random((6, 17)) < density)
        cases.append((W, int(rng.integers(2, 9)), int(rng.integers(1, 5))))
    for W, b, g in cases:
        got = answer(W.copy(), b, g)
        assert np.shape(got) == (2,), "return two numbers: bitmap, gaps"
        bitmap = gaps = zeros = 0
        for w in W.ravel().tolist():
            bitmap += 1 + (b if w else 0)
            if not w:
                zeros += 1
                continue
            while zeros >= 2**g:
                gaps, zeros = gaps + g + b, zeros - 2**g
            gaps, zeros = gaps + g + b, 0
        places = [i for i, w in enumerate(W.ravel().tolist()) if w]
        same(got[0], bitmap, "the bits with a bitmap", weights=W.size, values_at=places, b=b)
        same(got[1], gaps, "the bits with gaps", weights=W.size, values_at=places, b=b, g=g)


# ---- names of the right length


def _lengths(counts):
    groups = sorted([int(n), [i]] for i, n in enumerate(counts) if n > 0)
    lengths = np.zeros(len(counts), int)
    if len(groups) == 1:
        lengths[groups[0][1]] = 1
    while len(groups) > 1:
        (n, some), (more, others) = groups[:2]
        lengths[some + others] += 1
        groups = sorted([*groups[2:], [n + more, some + others]])
    return lengths


@exercise(
    start="""
        def code_lengths(counts):
            p = counts / counts.sum()
            return np.ceil(-np.log2(p)).astype(int)
    """,
    solution=_lengths,
    hint="Keep a list of (count, symbols). Join the two with the smallest counts, and make the name of each of their "
    "symbols one bit longer; go on until one is left. What if it is one from the beginning?",
)
def name_the_levels(answer, rng):
    """Write `code_lengths(counts)`: how many bits Huffman's code gives each symbol, whole numbers. A symbol that never
    comes gets 0 and no name. A symbol that comes alone gets 1, as a name of no bits could not be counted. The total,
    counts times lengths, must be the least that a code can have in which no name is the beginning of another."""
    cases = [
        [4, 2, 1, 1], [1, 1, 1], [5, 0, 0], [0, 7, 0, 7], [1, 1, 2, 3, 5, 8, 13], [10, 10, 10, 10], [90, 4, 3, 3], [1],
        [3, 3, 2, 2, 1, 1, 1], [15, 7, 6, 6, 5],
    ]  # fmt: skip
    cases += [[*rng.integers(0, 40, int(rng.integers(5, 14))).tolist(), 1, 2] for _ in range(3)]
    cases.append((rng.permutation(2 ** np.arange(9)) + 1).tolist())
    for counts in cases:
        got = np.asarray(answer(np.array(counts)))
        assert got.shape == (len(counts),), f"the lengths have the shape {got.shape}, expected {(len(counts),)}"
        assert np.isfinite(got).all() and (got == np.rint(got)).all(), f"lengths are whole numbers, got {got.tolist()}"
        lengths = [int(x) for x in got]
        for n, length in zip(counts, lengths, strict=True):
            assert (length >= 1) if n else (length == 0), (
                f"counts {counts}: got {lengths}; what comes needs a name of one bit at least, what never comes none"
            )
        room = math.fsum(2.0**-length for length in lengths if length)
        assert room <= 1, f"counts {counts}: no code has the lengths {lengths}; the sum of 2^−length is {room:.3f}"
        left, least = sorted(n for n in counts if n), 0
        if len(left) == 1:
            least = left[0]
        while len(left) > 1:
            both = left[0] + left[1]
            least, left = least + both, sorted([*left[2:], both])
        same(sum(n * x for n, x in zip(counts, lengths, strict=True)), least, "counts times lengths", counts=counts)


# ---- learn from two


def _two_losses(student, teacher, labels, real, T, alpha):
    def log_law(z):
        z = z - z.max(-1, keepdims=True)
        return z - np.log(np.exp(z).sum(-1, keepdims=True))

    hard = -log_law(student)[np.arange(len(labels)), labels]
    log_p, log_q = log_law(teacher / T), log_law(student / T)
    soft = (np.exp(log_p) * (log_p - log_q)).sum(-1)
    return (alpha * hard + (1 - alpha) * T**2 * soft)[real].mean()


@exercise(
    start="""
        def distil_loss(student, teacher, labels, real, T, alpha):
            # student, teacher (N, V) logits; labels (N,) ints; real (N,) bool
            p = np.exp(teacher) / np.exp(teacher).sum(-1, keepdims=True)
            q = np.exp(student) / np.exp(student).sum(-1, keepdims=True)
            return (q * np.log(q / p)).mean()
    """,
    solution=_two_losses,
    hint="Labels know no temperature: their term is the student's loss at T = 1, without T². In the other, both laws "
    "are taken at T, the teacher's stands first, and the sum goes over words, the mean over places that are real. Take "
    "logarithms of the softmax in one step, after subtracting the largest logit.",
)
def learn_from_two(answer, rng):
    """Write `distil_loss(student, teacher, labels, real, T, alpha)`: α times the cross-entropy with the labels, plus
    (1 − α) · T² times the divergence Σ p log(p/q) of the student's law q from the teacher's p, both at temperature `T`.
    Logits are (N, V). The mean is over the rows where `real` is true; the others are padding, and what stands there
    must not matter. Logits may be 800."""
    cases = [(5, 4, 2.0, 0.3), (3, 6, 1.0, 0.0), (4, 3, 4.0, 1.0), (6, 5, 0.5, 0.5), (4, 7, 3.0, 0.25)]
    for i, (N, V, T, alpha) in enumerate(cases):
        student, teacher = rng.normal(0, 2, (N, V)), rng.normal(0, 2, (N, V))
        if i == 4:
            student, teacher = student + 800, teacher - 800
            teacher[0, 2] += 1600
            student[0, 0] += 800  # sure of another word than the teacher: the log of its law is −267, not log(1e-12)
        labels, real = rng.integers(0, V, N), np.ones(N, bool)
        if i != 1:
            real[[1, N - 1]] = False
            student[1] *= 9
        total = 0.0
        for row in np.flatnonzero(real).tolist():
            s, t = student[row].tolist(), teacher[row].tolist()
            total += alpha * (_log_sum(s) - s[labels[row]])
            log_p = [x / T - _log_sum([y / T for y in t]) for x in t]
            log_q = [x / T - _log_sum([y / T for y in s]) for x in s]
            total += (1 - alpha) * T**2 * sum(math.exp(a) * (a - b) for a, b in zip(log_p, log_q, strict=True))
        got = answer(student.copy(), teacher.copy(), labels.copy(), real.copy(), T, alpha)
        same(got, total / real.sum(), "the loss", student=student, teacher=teacher, labels=labels, real=real, T=T,
             alpha=alpha)  # fmt: skip


def _log_sum(z):
    top = max(z)
    return top + math.log(math.fsum(math.exp(x - top) for x in z))
