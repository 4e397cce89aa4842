"""What a reader of the page on chain of thought is asked."""

from itertools import permutations, product
from math import comb

from topics.kit import exercise, same

# ---- a vote


def _vote(answers, right):
    votes = [x for x in answers if x is not None]
    counts = {x: votes.count(x) for x in votes}
    leaders = [x for x in counts if counts[x] == max(counts.values())]
    return (right in leaders) / max(1, len(leaders))


@exercise(
    start="""
        def vote(answers, right):
            # answers: a list of numbers, None where none could be read
            return float(max(answers, key=answers.count) == right)
    """,
    solution=_vote,
    hint="Leave out what is None, count the rest, and see how many answers have the largest count.",
)
def count_the_votes(answer, rng):
    """Write `vote(answers, right)`: the point that a vote wins, 1 if `right` is the commonest answer alone, 0 if it is
    not among the commonest, and 1/m if m answers are equally common and `right` is one of them. None is no vote; with
    no vote at all the point is 0."""
    cases = [
        ([7, 7, 3], 7), ([7, 3], 7), ([7, 3], 3), ([3, 7, 5], 5), ([None, None, None, 4], 4), ([None, None], 4),
        ([], 4), ([5, 5, 2, 2, 2, 5, 9], 2), ([0, 0, None, 6], 0), ([6, 6, 6, 1], 1),
    ]  # fmt: skip
    for _ in range(6):
        drawn = rng.integers(0, 3, int(rng.integers(2, 9))).tolist()
        cases.append(([None if rng.random() < 0.3 else x for x in drawn], int(rng.integers(0, 3))))
    for answers, right in cases:
        most = max((sum(x == y for y in answers) for x in answers if x is not None), default=0)
        leaders = {x for x in answers if x is not None and sum(x == y for y in answers) == most}
        expected = 1 / len(leaders) if right in leaders else 0.0
        same(float(answer(list(answers), right)), expected, "the point", answers=list(answers), right=right)


# ---- tries


def _estimate(n, c, k):
    return 1 - comb(n - c, k) / comb(n, k)


@exercise(
    start="""
        def estimate(n, c, k):
            return 1 - (1 - c / n) ** k
    """,
    solution=_estimate,
    hint="In how many ways can k answers be picked of n, and in how many of only the n − c wrong ones? Divide whole "
    "numbers, or multiply n − c over n, n − c − 1 over n − 1 and so on.",
)
def estimate_pass_at_k(answer, rng):
    """Write `estimate(n, c, k)`: n answers were drawn and c of them are right. How often is at least one right among k
    of them, picked without repeats? It is exactly 1 where fewer than k are wrong, and must hold for n = 1,000."""
    cases = [(10, 2, 5), (4, 0, 2), (4, 4, 1), (4, 2, 3), (5, 2, 3), (6, 1, 6), (1, 0, 1), (1, 1, 1), (64, 3, 64)]
    cases += [
        (n := int(rng.integers(3, 8)), int(rng.integers(0, n + 1)), int(rng.integers(1, n + 1))) for _ in range(5)
    ]
    for n, c, k in cases:
        if n <= 6:  # by trying all orders
            orders = list(permutations([1] * c + [0] * (n - c), k))
            expected = sum(max(order) for order in orders) / len(orders)
        else:
            expected = _slowly(n, c, k)
        same(float(answer(n, c, k)), expected, "the share", n=n, c=c, k=k)
    for n, c, k in ((1000, 3, 400), (1000, 500, 2), (1000, 999, 1), (1000, 1, 999)):
        same(float(answer(n, c, k)), _slowly(n, c, k), "the share", n=n, c=c, k=k)


def _slowly(n, c, k):
    """One wrong answer after the other, in whole numbers."""
    none, all_of_them = 1, 1
    for i in range(k):
        none, all_of_them = none * max(0, n - c - i), all_of_them * (n - i)
    return (all_of_them - none) / all_of_them


# ---- a checked chain


def _checked(q, v, a, tries, N):
    rejected = q * a + (1 - q) * v
    right = steps = 0.0
    reached = 1.0  # how often a step's next try is taken
    for i in range(tries):
        last = i == tries - 1
        right += reached * q * (1 if last else 1 - a)
        steps += reached
        reached *= rejected
    return right**N, N * steps


@exercise(
    start="""
        def checked(q, v, a, tries, N):
            step = q + (1 - q) * v * q
            return step ** N, N * (1 + (1 - q) * v)
    """,
    solution=_checked,
    hint="A try is rejected in two ways: it is right and rejected by mistake, or wrong and caught. Only then is there "
    "another try; the last one is taken, whatever the verifier would say.",
)
def check_each_step(answer, rng):
    """Write `checked(q, v, a, tries, N)`. A step is right with probability q. A verifier rejects a wrong one with
    probability v, and a right one, by mistake, with probability a. A rejected step is taken anew, at most `tries` times
    in all; the last try is taken without a check. Return two numbers: how often a chain of N steps is right to its
    end, and how many steps are taken for it on average, the rejected ones included."""
    cases = [(0.9, 0.8, 0.1, 2, 1), (0.9, 0.8, 0.1, 1, 5), (0.5, 1.0, 0.0, 3, 2), (0.7, 0.0, 0.5, 4, 3),
             (1.0, 0.3, 0.4, 3, 6), (0.95, 0.9, 0.2, 5, 20)]  # fmt: skip
    cases += [(*(float(x) for x in rng.uniform(0.1, 0.9, 3)), int(rng.integers(2, 6)), int(rng.integers(2, 7)))
              for _ in range(4)]  # fmt: skip
    for q, v, a, tries, N in cases:
        right = taken = 0.0
        for story in product((True, False), repeat=2 * tries):  # each try: is it right, is it rejected
            chance, result, used = 1.0, False, 0
            for i in range(tries):
                good, bad = story[2 * i], story[2 * i + 1]
                chance *= q if good else 1 - q
                p = a if good else v
                chance *= p if bad else 1 - p
            for i in range(tries):
                result, used = story[2 * i], i + 1
                if not story[2 * i + 1]:
                    break
            right, taken = right + chance * result, taken + chance * used
        got = answer(q, v, a, tries, N)
        assert isinstance(got, tuple | list) and len(got) == 2, "return two numbers: how often right, and steps taken"
        given = {"q": q, "v": v, "a": a, "tries": tries, "N": N}
        same(float(got[0]), right**N, "how often the chain is right", **given)
        same(float(got[1]), N * taken, "the steps taken", **given)


# ---- a verifier


def _first_wrong(a, b, working):
    carry = 0
    for i, (x, y, carried, total) in enumerate(working):
        if (x, y, carried) != (a // 10**i % 10, b // 10**i % 10, carry) or total != x + y + carried:
            return i
        carry = total // 10
    return -1


@exercise(
    start="""
        def first_wrong(a, b, working):
            # working: a list of (x, y, carried, total), the ones first
            for i, (x, y, carried, total) in enumerate(working):
                if x + y + carried != total:
                    return i
            return -1
    """,
    solution=_first_wrong,
    hint="Go from the ones to the left, and keep what each column should carry into the next. The digit of a in column "
    "i is a // 10**i % 10.",
)
def find_the_first_wrong_step(answer, rng):
    """Write `first_wrong(a, b, working)`, a verifier of each step. `working` has a column (x, y, carried, total) for
    each digit of the sum a + b, the ones first: the two digits, the 1 or 0 that was carried in, and what the column
    comes to. A column is wrong if its digits are not those of a and b, if what it carries in is not what the column
    before carries out, or if it is added up wrongly. Return the number of the first wrong one, counted from 0, or
    −1."""

    def columns_of(a, b):
        found, carry = [], 0
        for i in range(len(str(a))):
            x, y = int(str(a)[::-1][i]), int(str(b)[::-1][i])
            found.append((x, y, carry, x + y + carry))
            carry = int(x + y + carry > 9)
        return found

    def ask(a, b, working, expected):
        got = answer(a, b, list(working))
        same(float(got), float(expected), "the first wrong column", a=a, b=b, working=working)

    for D in (1, 2, 4):
        a, b = (int(x) for x in rng.integers(10 ** (D - 1), 10**D, 2))
        ask(a, b, columns_of(a, b), -1)
        for at in range(D):
            for part in range(4):
                spoilt = columns_of(a, b)
                column = list(spoilt[at])
                column[part] = (
                    1 - column[part]
                    if part == 2
                    else (column[part] + int(rng.integers(1, 9))) % 10 + 10 * (part == 3 and column[3] > 9)
                )
                if part != 3:  # added up rightly, of the wrong things
                    column[3] = column[0] + column[1] + column[2]
                if column == list(spoilt[at]):
                    continue
                spoilt[at] = tuple(column)
                ask(a, b, spoilt, at)
    a, b = 374, 258
    ask(a, b, [(4, 8, 0, 12), (7, 5, 0, 12), (3, 2, 1, 6)], 1)
    ask(a, b, [(4, 8, 0, 2), (7, 5, 0, 12), (3, 2, 1, 6)], 0)
    ask(a, b, [(4, 8, 0, 12), (7, 5, 1, 13), (3, 2, 0, 5)], 2)
    ask(95, 15, [(5, 5, 0, 10), (9, 1, 1, 1)], 1)
