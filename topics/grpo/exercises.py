"""What a reader of the page on GRPO is asked."""

import numpy as np

from topics.kit import exercise, same

# ---- groups


def _advantages(r, question, eps):
    A = np.zeros(len(r))
    for q in set(question.tolist()):
        mine = question == q
        A[mine] = (r[mine] - r[mine].mean()) / (r[mine].std(ddof=1) + eps)
    return A


@exercise(
    start="""
        def advantages(r, question, eps):
            return (r - r.mean()) / r.std()
    """,
    solution=_advantages,
    hint="Take one question after the other: `mine = question == q` picks its answers. `np.std` divides by G unless it "
    "is told `ddof=1`.",
)
def judge_each_by_its_group(answer, rng):
    """Write `advantages(r, question, eps)`: what TRL and verl compute. `r` (N,) are rewards; `question` (N,) are whole
    numbers that say which question each answer belongs to, in any order, two answers or more to each. Take off the mean
    of the answer's own group and divide by the group's deviation plus `eps`, the deviation with G − 1 below its root. A
    group whose rewards are all alike gets zeros."""
    cases = [
        (np.array([1.0, 0.0, 0.0, 0.0]), np.array([0, 0, 0, 0]), 1e-4),
        (np.array([1.0, 1.0, 0.0, 5.0, 0.0, 5.0]), np.array([7, 7, 3, 9, 3, 9]), 1e-6),  # all silent
    ]
    for groups, eps in ((2, 1e-4), (3, 0.5), (4, 1e-6)):
        names, sizes = rng.permutation(20)[:groups].tolist(), rng.integers(2, 6, groups).tolist()
        question = np.array([name for name, G in zip(names, sizes, strict=True) for _ in range(G)])
        order = rng.permutation(len(question))
        r = rng.normal(2.0, 3.0, len(question)) * (1 + question)
        cases.append((r[order], question[order], eps))
    for r, question, eps in cases:
        expected = []
        for i in range(len(r)):
            group = [r[j] for j in range(len(r)) if question[j] == question[i]]
            mean = sum(group) / len(group)
            deviation = (sum((x - mean) ** 2 for x in group) / (len(group) - 1)) ** 0.5
            expected.append((r[i] - mean) / (deviation + eps))
        same(answer(r.copy(), question.copy(), eps), expected, "the advantages", r=r, question=question, eps=eps)


# ---- leave one out


def _left_out(r):
    G = len(r)
    return G / (G - 1) * (r - r.mean())


@exercise(
    start="""
        def leave_one_out(r):
            return r - r.mean()
    """,
    solution=_left_out,
    hint="The sum of the others is the sum of all, minus one's own. How many are they?",
)
def leave_yourself_out(answer, rng):
    """Write `leave_one_out(r)`: of the rewards `r` (G,) of one group, two or more, each minus the mean of all the
    *others*. Without a loop over pairs, if you can."""
    for r in (np.array([1.0, 0.0]), np.array([1.0, 0.0, 0.0, 0.0]), np.array([2.0, 2.0, 2.0]), rng.normal(3, 2, 7),
              rng.integers(0, 2, 16).astype(float)):  # fmt: skip
        expected = []
        for i in range(len(r)):
            others = [r[j] for j in range(len(r)) if j != i]
            expected.append(r[i] - sum(others) / len(others))
        same(answer(r.copy()), expected, "the advantages", r=r)


# ---- words


def _loss(parts, low, high):
    total = words = 0
    for log_pi, log_old, A, mask in parts:
        ratio = np.exp(log_pi - log_old)
        gain = np.minimum(ratio * A[:, None], np.clip(ratio, 1 - low, 1 + high) * A[:, None])
        total, words = total + gain[mask].sum(), words + mask.sum()
    return -total / words


@exercise(
    start="""
        def loss(parts, low, high):
            losses = []
            for log_pi, log_old, A, mask in parts:
                ratio = np.clip(np.exp(log_pi - log_old), 1 - low, 1 + high)
                losses.append(-(ratio * A[:, None])[mask].mean())
            return np.mean(losses)
    """,
    solution=_loss,
    hint="One sum over all words of all parts, and one count of them. The smaller of the two products holds, whatever "
    "the sign of A.",
)
def weigh_all_words_alike(answer, rng):
    """Write `loss(parts, low, high)`: DAPO's loss of a batch that came in parts, since it did not fit into memory at
    once. Each part is `(log_pi, log_old, A, mask)`: log-probabilities (N, T), advantages (N,), and where there are
    words, (N, T). A word gains min(ρA, clip(ρ, 1 − low, 1 + high)·A). The loss is minus the mean over **all words of
    all parts**, whatever their lengths."""
    cases = [((np.array([1.0, -1.0]), np.array([[0.5, 2.0], [0.5, 2.0]])),)]
    cases += [
        tuple((rng.normal(size=n), np.exp(rng.normal(0, 0.6, (n, T)))) for n, T in sizes)
        for sizes in (((3, 5),), ((2, 6), (4, 3)), ((1, 9), (3, 2), (2, 4)))
    ]
    for n, case in enumerate(cases):
        low, high = (0.2, 0.28) if n % 2 == 0 else (0.1, 0.4)
        parts, total, words = [], 0.0, 0
        for A, ratio in case:
            N, T = ratio.shape
            mask = np.arange(T) < (np.full(N, T) if n == 0 else rng.integers(1, T + 1, N))[:, None]
            log_old = -rng.exponential(size=(N, T))
            log_pi = np.where(mask, log_old + np.log(ratio), 3.0)  # what stands behind an answer's end is nobody's
            parts.append((log_pi, log_old, A, mask))
            for i, t in np.ndindex(N, T):
                if mask[i, t]:
                    held = min(max(ratio[i, t], 1 - low), 1 + high)
                    total += min(ratio[i, t] * A[i], held * A[i])
                    words += 1
        told = ", ".join(
            f"{n} words with A = {a:.2f}" for part in parts for n, a in zip(part[3].sum(1), part[2], strict=True)
        )
        got = answer([tuple(x.copy() for x in part) for part in parts], low, high)
        same(float(got), -total / words, "the loss", parts=len(parts), answers=told, low=low, high=high)
