"""What a reader of the page on mixtures of experts is asked."""

import math

import numpy as np

from topics.kit import exercise, same
from topics.kit.page.exercise import shown


def _gates(p, b, k):
    gates = np.zeros(p.shape)
    for t in range(len(p)):
        chosen = np.argsort(-(p[t] + b))[:k]
        gates[t, chosen] = p[t, chosen] / p[t, chosen].sum()
    return gates


@exercise(
    start="""
        def gates(p, b, k):
            # p (T, E): scores between 0 and 1, of a sigmoid      b (E,): the bias
            biased = p + b
            return biased / biased.sum(1, keepdims=True)
    """,
    solution=_gates,
    hint="The bias decides who is chosen and nothing else. What the chosen ones count is their score without it, over "
    "the sum of the k scores without it.",
)
def route_with_a_bias(answer, rng):
    """Write `gates(p, b, k)`: the weight (T, E) of each expert for each token, 0 for those that are not chosen. The k
    experts with the greatest *biased* scores are chosen; their weights sum to one, as in DeepSeek-V3 (without its
    constant factor)."""
    cases = [
        (np.array([[0.5, 0.3, 0.2]]), np.array([0.0, 0.0, 0.4]), 1),
        (np.array([[0.9, 0.8, 0.1], [0.2, 0.3, 0.6]]), np.array([-2.0, -1.0, -1.0]), 2),  # all below zero
        (np.array([[0.9, 0.8, 0.1], [0.1, 0.2, 0.9]]), np.array([-0.25, 0.0, 0.6]), 1),  # each token its own expert
        (np.array([[0.5, 0.25, 0.75, 0.25]]), np.array([-2e4, -2e4, -3e4, -3e4]), 3),  # below any sign for "taken"
        (rng.random((1, 4)), np.full(4, -1.0), 4),
    ]
    for _ in range(5):
        T, E = int(rng.integers(1, 6)), int(rng.integers(3, 9))
        cases.append((rng.random((T, E)), rng.normal(0, 0.4, E), int(rng.integers(1, E))))
    for p, b, k in cases:
        expected = np.zeros(p.shape)
        for t, row in enumerate(p.tolist()):
            best = sorted(range(len(row)), key=lambda e, row=row, b=b: row[e] + b[e], reverse=True)[:k]
            for e in best:
                expected[t, e] = row[e] / sum(row[i] for i in best)
        same(answer(p.copy(), b.copy(), k), expected, "the weights", p=p, b=b, k=k)


def _weights(logits, k, first):
    z = np.sort(logits)[::-1]
    e = np.exp(z - z[0])
    return e[:k] / (e.sum() if first == "softmax" else e[:k].sum())


@exercise(
    start="""
        def weights(logits, k, first):
            # logits (E,)      first: "softmax" or "top"
            p = np.exp(logits) / np.exp(logits).sum()
            return np.sort(p)[:k]
    """,
    solution=_weights,
    hint="Both have the same numerators. What differs is the sum below: over all experts, or over the k chosen. "
    "Subtract the greatest logit first: exp(800) is infinite.",
)
def which_comes_first(answer, rng):
    """Write `weights(logits, k, first)` for one token: the weights (k,) of its k experts, greatest first. With `first`
    equal to `"softmax"` it is taken over all experts, then the top k are kept as they are (Switch, OLMoE); with
    `"top"` the k greatest logits are kept, then softmax is taken over these (gpt-oss). Logits may be in the
    hundreds."""
    cases = [
        (np.array([1.0, 3.0, 2.0]), 2),
        (np.array([800.0, 801.0, 700.0, 799.0]), 3),
        (np.array([-900.0, -901.0]), 1),
        (np.array([-900.0, 900.0, 0.0]), 2),  # far apart: only the greatest may be subtracted
        (np.array([2.0, 1.0, 1.0, 1.0]), 2),  # equal ones on both sides of the k-th
    ]
    cases += [(rng.normal(0, 2, int(rng.integers(3, 9))), int(rng.integers(1, 4))) for _ in range(4)]
    for logits, k in cases:
        for first in ("softmax", "top"):
            z = sorted(logits.tolist(), reverse=True)
            over = z if first == "softmax" else z[:k]
            expected = [1 / sum(math.exp(min(700, other - one)) for other in over) for one in z[:k]]
            same(answer(logits.copy(), k, first), expected, "the weights", logits=logits, k=k, first=first)


def _balance(p, chosen):
    T, E = p.shape
    f = np.bincount(chosen.ravel(), minlength=E) / chosen.size
    return E * np.sum(f * p.mean(0)), np.tile(E * f / T, (T, 1))


@exercise(
    start="""
        def balance(p, chosen):
            # p (T, E): probabilities      chosen (T, k): numbers of experts
            T, E = p.shape
            P = p.mean(0)
            return E * np.sum(P * P), 2 * E * P / T
    """,
    solution=_balance,
    hint="f counts choices and has no gradient: for the derivative it is a constant. Each p[t, e] stands in the mean "
    "P[e] with the factor 1/T.",
)
def push_toward_balance(answer, rng):
    """Write `balance(p, chosen)`: the balance loss in Switch's form (1 if all is even, whatever k) and its gradient
    by `p`, of shape (T, E). The gradient is what a framework computes: counts pass none."""
    # the last expert is never chosen, and the first row's choice is not its most probable: a bias may have decided
    cases = [(np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1]]), np.array([[1], [0]]))]
    for T, E, k in ((4, 4, 1), (1, 3, 2), (6, 5, 2), (int(rng.integers(2, 9)), 8, 3)):
        p = rng.dirichlet(np.ones(E), T)
        cases.append((p, np.argsort(-p + rng.normal(0, 0.1, p.shape))[:, :k]))
    for p, chosen in cases:
        (T, E), k = p.shape, chosen.shape[1]
        loss, gradient = 0.0, np.zeros((T, E))
        for e in range(E):
            share = sum(int(c == e) for row in chosen.tolist() for c in row) / (T * k)
            for t in range(T):
                loss += E * share * p[t, e] / T
                gradient[t, e] = E * share / T
        got = answer(p.copy(), chosen.copy())
        two = isinstance(got, tuple | list) and len(got) == 2
        assert two, f"return the loss and the gradient, two things, not {got!r:.80}"
        same(got[0], loss, "the loss", p=p, chosen=chosen)
        same(got[1], gradient, "the gradient", p=p, chosen=chosen)


def _room(chosen, E, factor):
    T, k = chosen.shape
    C, taken, room = int(np.ceil(factor * k * T / E)), np.zeros(E, int), np.zeros((T, k), bool)
    for j in range(k):
        for t in range(T):
            room[t, j] = taken[chosen[t, j]] < C
            taken[chosen[t, j]] += 1
    return room


@exercise(
    start="""
        def room(chosen, E, factor):
            # chosen (T, k): best expert first
            T, k = chosen.shape
            C = int(factor * T / E)
            taken, found = np.zeros(E, int), np.zeros((T, k), bool)
            for t in range(T):
                for j in range(k):
                    found[t, j] = taken[chosen[t, j]] < C
                    taken[chosen[t, j]] += 1
            return found
    """,
    solution=_room,
    hint="An even share is k·T/E choices, and the capacity is rounded up. All tokens' first choices are seated before "
    "any second one.",
)
def find_room(answer, rng):
    """Write `room(chosen, E, factor)`: which choices find room, bool (T, k). The capacity of an expert is `factor`
    times an even share of all choices, rounded up. First choices go before second ones (and these
    before third ones); among equals, earlier tokens go first."""
    cases = [
        (np.array([[0, 1], [1, 0], [0, 1], [2, 1]]), 4, 1.0),
        (np.array([[0], [0], [0], [1]]), 3, 1.0),  # 4/3 is rounded up
        (np.array([[0, 1], [0, 1], [0, 1]]), 2, 0.5),
        (np.array([[0, 1], [0, 2], [0, 3]]), 4, 0.5),  # one seat; who lost the first choice still has the second
        (np.array([[0], [0], [1]]), 4, 1.25),  # 0.94 seats: one, and not 1.25 times a rounded share
        (np.array([[0], [0], [0], [1]]), 2, 2.0),  # room for all
        (np.array([[1, 2, 0], [0, 1, 2], [2, 0, 1], [1, 0, 2]]), 4, 0.75),  # second choices before third ones
    ]
    for _ in range(5):
        T, E, k = int(rng.integers(3, 12)), int(rng.integers(3, 6)), int(rng.integers(1, 3))
        p = rng.dirichlet(np.ones(E), T) + np.linspace(0.5, 0, E)
        cases.append((np.argsort(-p)[:, :k], E, float(rng.choice([0.5, 1.0, 1.25, 2.0]))))
    for chosen, E, factor in cases:
        T, k = chosen.shape
        seats = math.ceil(factor * k * T / E)
        expected = np.array([[_before(chosen, t, j) < seats for j in range(k)] for t in range(T)])
        got = answer(chosen.copy(), E, factor)
        same(got, expected, "who finds room", chosen=chosen, E=E, factor=factor)
        case = shown({"chosen": chosen, "E": E, "factor": factor})
        assert np.asarray(got).dtype.kind == "b", f"who finds room: expected True and False, got {got!r:.80}{case}"


def _before(chosen, t, j):
    """How many choices of the same expert come before token t's choice j."""
    rows, mine = chosen.tolist(), chosen[t, j]
    earlier = sum(row[i] == mine for row in rows for i in range(j))
    return earlier + sum(row[j] == mine for row in rows[:t])


def _batch_for(E, k, share):
    B = 1
    while 1 - (1 - k / E) ** B < share:
        B += 1
    return B


@exercise(
    start="""
        def batch_for(E, k, share):
            B = 1
            while k * B / E < share:
                B += 1
            return B
    """,
    solution=_batch_for,
    hint="One token leaves a given expert alone with probability 1 − k/E. B tokens all do with that to the power of B.",
)
def lose_the_sparsity(answer, rng):
    """Write `batch_for(E, k, share)`: the least number of tokens that read at least a `share` of a layer's experts in
    the mean, if each token chooses k different ones of E by chance."""
    cases = [(256, 8, 0.95), (8, 2, 0.9), (128, 4, 0.03), (8, 8, 0.99), (2, 1, 0.6), (400, 1, 0.97)]
    cases += [(2, 1, 0.5), (8, 4, 0.5)]  # exactly the share is enough
    cases += [(int(rng.integers(4, 400)), int(rng.integers(1, 4)), float(rng.uniform(0.1, 0.97))) for _ in range(4)]
    for E, k, share in cases:
        left, B = 1.0, 0
        while 1 - left < share:
            left *= (E - k) / E
            B += 1
        same(answer(E, k, share), B, "tokens", E=E, k=k, share=share)
