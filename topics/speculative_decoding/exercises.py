"""What a reader of the page on speculative decoding is asked."""

import itertools

import numpy as np

from topics.kit import exercise, same


def _verify(p, q, x, u):
    for i in range(len(x)):
        if u[i] * q[i, x[i]] >= p[i, x[i]]:
            more = np.maximum(p[i] - q[i], 0)
            return i, more / more.sum()
    return len(x), p[len(x)]


@exercise(
    start="""
        def verify(p, q, x, u):
            # p (n+1, V): the target's laws      q (n, V): the draft's      x (n,): the guesses
            # u (n,): uniform numbers in [0, 1), one for each guess
            accepted = [i for i in range(len(x)) if u[i] < q[i, x[i]] / p[i, x[i]]]
            return len(accepted), p[len(accepted)]
    """,
    solution=_verify,
    hint="The ratio is the target's over the draft's. The first rejection ends the pass, and the word in its place "
    "comes from what p has more than q there, divided by its sum. If nothing was rejected, the next law is p's own.",
)
def check_the_guesses(answer, rng):
    """Write `verify(p, q, x, u)`: return how many guesses are accepted, and the law (V,) from which the next word is
    then drawn. Guess `i` is accepted where `u[i]` is below its probability of acceptance; what comes after the first
    rejection is dropped. Then the check adds up all guesses and all `u`: the law that comes out must be the target's.
    Your code must also do right where the target gives a guess no chance at all."""
    V = 3
    for n, empty in ((1, False), (2, True), (3, True), (0, False)):
        p, q = _laws(rng, n, V, empty)
        rows = list(itertools.product(range(V), repeat=n))
        if n == 3:
            rows = [rows[i] for i in rng.permutation(len(rows))[:8]]
        for x in rows:
            chance = [min(1.0, p[i][x[i]] / q[i][x[i]]) for i in range(n)]
            for way in range(2 ** min(n, 2)):  # below and above each probability of acceptance
                u = rng.random(n)
                for i in range(min(n, 2)):
                    low, high = (0.0, chance[i]) if way >> i & 1 or chance[i] == 1 else (chance[i], 1.0)
                    u[i] = low + (high - low) * (0.1 + 0.8 * u[i])
                _one_row(answer, p, q, np.array(x, int), u, chance)
    p, q = _laws(rng, 1, V, True)
    reached = np.zeros(V)  # the law of the first word, over all guesses and all u
    for x in range(V):
        chance = min(1.0, p[0][x] / q[0][x])
        reached[x] += q[0][x] * chance  # u below it
        if chance < 1:
            reached += q[0][x] * (1 - chance) * answer(p, q, np.array([x]), np.array([(1 + chance) / 2]))[1]
    same(reached, p[0], "the law of the first word, all guesses taken together", p=p, q=q)


def _one_row(answer, p, q, x, u, chance):
    """Judge one row of guesses with its uniform numbers, by going through it guess by guess."""
    got = answer(p.copy(), q.copy(), x.copy(), u.copy())
    assert isinstance(got, tuple | list) and len(got) == 2, f"return a number and a law, not {got!r:.60}"
    count, law = 0, p[len(x)]
    while count < len(x) and u[count] < chance[count]:
        count += 1
    if count < len(x):
        more = [max(a - b, 0.0) for a, b in zip(p[count].tolist(), q[count].tolist(), strict=True)]
        law = np.array(more) / sum(more)
    if got[0] != count or np.shape(got[1]) != law.shape or np.abs(got[1] - law).max() > 1e-12:
        given = {"p": p, "q": q, "x": x, "u": u}
        same(got[0], count, "the number of accepted guesses", **given)
        same(got[1], law, "the law of the next word", **given)


def _laws(rng, n, V, empty):
    """Laws of a target (n+1, V) and a draft (n, V), which differ; `empty`: the target never says one of the words."""
    p, q = rng.random((n + 1, V)) + 0.05, rng.random((n, V)) + 0.05
    if empty:
        for i in range(n):
            p[i, int(rng.integers(V))] = 0.0
    return p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)


def _best_draft(a, c):
    gained = [(1 + sum(np.prod(a[: i + 1]) for i in range(n))) / (1 + n * c) for n in range(len(a) + 1)]
    return int(np.argmax(gained))


@exercise(
    start="""
        def best_draft(a, c):
            # a (n,): the chance that guess i is accepted if all before it were      c: cost of a guess
            gained = [sum(a[:n]) / (n * c) for n in range(1, len(a) + 1)]
            return int(np.argmax(gained))
    """,
    solution=_best_draft,
    hint="A guess counts only if all before it were accepted: multiply along the chain. The pass gives one word even "
    "with no guess at all, and costs 1 + n·c.",
)
def how_many_guesses(answer, rng):
    """A draft often knows how sure it is. Write `best_draft(a, c)`: the number of guesses, 0 to `len(a)`, that gives
    the most words a unit of time, where a pass of the target takes 1 and each guess `c`. The chances `a` differ from
    place to place, and sometimes no guess is worth its cost. Of equally good numbers return the least. You may use
    `np`."""
    cases = [
        (np.array([0.9, 0.8, 0.7, 0.6, 0.5]), 0.1),
        (np.array([0.2, 0.1, 0.1]), 0.5),  # not worth a guess
        (np.array([0.6, 1.0, 1.0, 1.0, 0.05]), 0.3),
        (np.array([0.9, 0.9, 0.9, 0.9]), 0.01),
        (np.array([]), 0.1),
        (np.array([0.95, 0.1, 0.95, 0.95]), 0.2),
    ]
    cases += [(rng.random(int(rng.integers(3, 9))).round(3), float(rng.uniform(0.02, 0.4))) for _ in range(6)]
    for a, c in cases:
        best, most = 0, 1.0
        for n in range(1, len(a) + 1):
            words, all_before = 1.0, 1.0
            for chance in a[:n].tolist():
                all_before *= chance
                words += all_before
            if words / (1 + n * c) > most + 1e-12:
                best, most = n, words / (1 + n * c)
        same(answer(a.copy(), c), best, "the number of guesses", a=a, c=c)


def _share_the_budget(a, budget):
    slots = [(-np.prod(row[: i + 1]), r) for r, row in enumerate(a) for i in range(len(row))]
    chosen = [r for _, r in sorted(slots)[:budget]]
    return [chosen.count(r) for r in range(len(a))]


@exercise(
    start="""
        def share_the_budget(a, budget):
            # a: a list of one array for each user, the chance of each guess if all before it were accepted
            slots = [(-chance, r) for r, row in enumerate(a) for chance in row]
            chosen = [r for _, r in sorted(slots)[:budget]]
            return [chosen.count(r) for r in range(len(a))]
    """,
    solution=_share_the_budget,
    hint="What a guess is worth is the chance that it survives: the product of its own chance and of all before it in "
    "the chain. These products never grow along a chain, so the best guesses are beginnings of chains.",
)
def spend_the_budget(answer, rng):
    """A busy server can check only `budget` guesses in a pass, of all users together. Write
    `share_the_budget(a, budget)`: how many guesses of each user to check, as a list, so that the expected number of
    accepted guesses is greatest. Guesses must be checked from the first on. The starter code takes the surest guesses,
    wherever they stand."""
    fixed = [np.array([0.5, 0.99, 0.99]), np.array([0.9, 0.4, 0.98]), np.array([0.2])]
    cases = [(fixed, 1), (fixed, 3), (fixed, 4), (fixed, 0), (fixed, 99)]
    cases += [([np.array([0.6, 0.6, 0.6]), np.array([0.5])], 2)]  # a chain is weaker than its weakest link
    for _ in range(5):
        a = [rng.random(int(rng.integers(0, 4))) * 0.9 + 0.05 for _ in range(int(rng.integers(2, 4)))]
        cases.append((a, int(rng.integers(1, 5))))
    for a, budget in cases:
        best, most = None, -1.0
        for taken in itertools.product(*(range(len(row) + 1) for row in a)):  # every way there is
            if sum(taken) == min(budget, sum(map(len, a))):
                value = sum(float(np.prod(row[: i + 1])) for row, n in zip(a, taken, strict=True) for i in range(n))
                if value > most:
                    best, most = list(taken), value
        got = answer([row.copy() for row in a], budget)
        same(got, best, "guesses to check of each user", budget=budget, a=np.concatenate(a))
