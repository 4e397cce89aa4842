"""What a reader of the page on sliding-window attention is asked."""

from topics.kit import exercise, same


def _in_slots(t, W):
    held = [None] * W
    for token in range(t + 1):
        held[token % W] = token
    return held


@exercise(
    start="""
        def in_slots(t, W):
            # the token in each of W slots after token t was stored, counted from 0; None where there is none
            return list(range(t - W + 1, t + 1))
    """,
    solution=_in_slots,
    hint="Token t goes to slot t mod W, and nothing else moves. The starter code sorts the tokens, and counts below "
    "zero.",
)
def name_the_slots(answer, rng):
    """Write `in_slots(t, W)`: a list of the W tokens that a rolling cache holds, slot by slot, right after token `t`
    was stored; `None` where a slot is still empty."""
    drawn = ((int(rng.integers(2, 9)), int(rng.integers(0, 40))) for _ in range(3))
    for W, t in ((3, 1), (3, 2), (3, 7), (1, 4), (5, 0), *drawn):
        expected = [max((j for j in range(t + 1) if j % W == slot), default=None) for slot in range(W)]
        got = list(answer(t, W))
        assert len(got) == W, f"the list has {len(got)} places, expected {W}; for t = {t}, W = {W}"
        assert got == expected, f"the list: expected {expected}, got {got}; for t = {t}, W = {W}"


def _reach(windows, T):
    back = 0
    for W in windows:
        back = T - 1 if W is None else back + W - 1
    return min(back, T - 1)


@exercise(
    start="""
        def reach(windows, T):
            # windows: one W for each layer, None for a layer that sees everything
            return sum(W for W in windows)
    """,
    solution=_reach,
    hint="Each local layer adds W − 1 steps back. One layer that sees everything reaches the beginning, wherever it "
    "stands, and no one gets further than that.",
)
def add_up_the_windows(answer, rng):
    """Layers may have windows of their own, or none (`None`). Write `reach(windows, T)`: how many words *back* from the
    last of `T` words the furthest one stands that can influence it."""
    cases = [([4, 4], 100), ([1, 1, 1], 10), ([3, None, 3], 50), ([8, 8], 6), ([None], 1), ([3, 2], 4)]
    for _ in range(3):
        cases.append(([int(n) for n in rng.integers(1, 9, rng.integers(1, 6))], int(rng.integers(2, 40))))
    cases.append(([None, *(int(n) for n in rng.integers(1, 5, 3))], int(rng.integers(20, 60))))
    for windows, T in cases:
        seen = {T - 1}
        for W in windows:
            seen |= {j for i in seen for j in range(0 if W is None else max(0, i - W + 1), i)}
        same(answer(list(windows), T), T - 1 - min(seen), "the distance", windows=windows, T=T)


def _seen(t, slots, first):
    recent = range(max(first, t + 1 - (slots - first)), t + 1)
    return [*range(min(first, t + 1)), *recent]


@exercise(
    start="""
        def seen(t, slots, first):
            # the tokens that token t sees, counted from 0, in order
            return [*range(first), *range(t + 1 - slots, t + 1)]
    """,
    solution=_seen,
    hint="The first tokens take slots of the budget, no token is listed twice, and none is later than t.",
)
def stay_within_the_budget(answer, rng):
    """A streaming cache has `slots` places in all, more than `first`. Its `first` places keep the first tokens for
    good; the others hold the most recent ones. Write `seen(t, slots, first)`: the tokens that token `t` attends to,
    itself included, in order."""
    cases = [(20, 6, 2), (0, 6, 2), (5, 6, 2), (6, 6, 2), (9, 4, 0), (9, 4, 3)]
    cases += [(int(rng.integers(0, 40)), int(rng.integers(5, 10)), int(rng.integers(0, 5))) for _ in range(4)]
    for t, slots, first in cases:
        kept, rolling = [], []
        for token in range(t + 1):
            if token < first:
                kept.append(token)
            else:
                rolling = [*rolling, token][-(slots - first) :]
        same(answer(t, slots, first), kept + rolling, "the list of tokens", t=t, slots=slots, first=first)
