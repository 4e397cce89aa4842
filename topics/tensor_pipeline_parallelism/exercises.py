"""What a reader of the page on tensor and pipeline parallelism is asked."""

import numpy as np

from topics.kit import exercise, same
from topics.kit.page.exercise import shown


def _summand(x, gate_up, down, bias, r, N):
    F = down.shape[1]
    gate, up = gate_up[:F], gate_up[F:]
    mine = slice(r * F // N, (r + 1) * F // N)
    g = x @ gate[mine].T
    y = (g / (1 + np.exp(-g)) * (x @ up[mine].T)) @ down[:, mine].T
    return y + bias if r == 0 else y


@exercise(
    start="""
        def part(x, gate_up, down, bias, r, N):
            # x (T, d)   gate_up (2F, d): F rows of the gate, then F of up   down (d, F)   bias (d,)
            W = np.split(gate_up, N)[r]
            gate, up = np.split(W, 2)
            g = x @ gate.T
            h = g / (1 + np.exp(-g)) * (x @ up.T)
            return h @ np.split(down, N, axis=1)[r].T + bias
    """,
    solution=_summand,
    hint="Rank r needs the same rows of the gate as of up: cut the two apart first. And everything that each rank adds "
    "is added N times.",
)
def share_of_a_rank(answer, rng):
    """A layer computes `down @ (silu(gate @ x) * (up @ x)) + bias` for each token; gate and up are stored one behind
    the other. Write `part(x, gate_up, down, bias, r, N)`: what rank `r` of `N` contributes, (T, d), from its share of
    the F hidden numbers, so that an all-reduce of all parts gives the layer's output. N divides F. You may use `np`."""
    for N, F, d, T in ((2, 4, 3, 2), (1, 6, 4, 3), (4, 8, 5, 1), (3, 6, 2, 4)):
        x, gate_up = rng.normal(0, 1, (T, d)), rng.normal(0, 1, (2 * F, d))
        down, bias = rng.normal(0, 1, (d, F)), rng.normal(0, 2, d)
        gate, up = x @ gate_up[:F].T, x @ gate_up[F:].T
        hidden = gate / (1 + np.exp(-gate)) * up
        total, extra = np.zeros((T, d)), np.zeros((T, d))
        for r in range(N):
            got = answer(x.copy(), gate_up.copy(), down.copy(), bias.copy(), r, N)
            own = np.zeros((T, d))
            for f in range(r * F // N, (r + 1) * F // N):
                own += hidden[:, f : f + 1] * down[:, f]
            given = shown({"T": T, "d": d, "F": F, "r": r, "N": N})
            assert np.shape(got) == (T, d), (
                f"a part has the shape {np.shape(got)}, expected the layer's {(T, d)}{given}"
            )
            total, extra = total + got, got - own
            first = np.tile(extra[0], (T, 1))  # of the bias a rank may add what it likes, the same for each token
            same(got - first, own, f"what rank {r} of {N} adds beside the bias", x=x, r=r, N=N)
        same(total, hidden @ down.T + bias, f"the sum of all {N} parts", x=x, bias=bias, N=N)


def _heads(r, N, H, H_kv):
    if H % N or (H_kv % N and N % H_kv):
        return [], []
    mine = [r * (H // N) + i for i in range(H // N)]
    return mine, sorted({h // (H // H_kv) for h in mine})


@exercise(
    start="""
        def heads(r, N, H, H_kv):
            # H query heads; query head h reads key/value head h // (H // H_kv)
            return list(range(r, H, N)), list(range(r, H_kv, N))
    """,
    solution=_heads,
    hint="Take neighbouring query heads, and of the key/value heads just those that they read: with more ranks than "
    "key/value heads, one that other ranks have, too. What can't come out even has no answer.",
)
def share_the_heads(answer, rng):
    """Write `heads(r, N, H, H_kv)`: two lists, the query heads that rank `r` of `N` computes, neighbours of each other,
    and the key/value heads that it must keep, each once. Return two empty lists where it can't be done evenly: where N
    does not divide H, or where neither of N and H_kv divides the other."""
    cases = [(1, 8, 8), (2, 8, 8), (4, 8, 2), (8, 8, 2), (8, 8, 1), (3, 8, 8), (16, 64, 8), (4, 12, 6), (6, 12, 3),
             (16, 8, 8), (5, 64, 8), (12, 12, 4), (4, 12, 3), (2, 6, 3), (3, 8, 1), (6, 16, 2)]  # fmt: skip
    H_kv = int(rng.integers(1, 5))
    cases.append((2 * H_kv, 4 * H_kv, H_kv))
    for N, H, H_kv in cases:
        possible = H % N == 0 and (H_kv % N == 0 or N % H_kv == 0)
        for r in {0, N // 2, N - 1}:
            got, given = answer(r, N, H, H_kv), shown({"r": r, "N": N, "H": H, "H_kv": H_kv})
            two = isinstance(got, tuple | list) and len(got) == 2 and all(hasattr(part, "__len__") for part in got)
            assert two, f"return two lists, not {got!r:.80}{given}"
            if not possible:
                none = len(got[0]) == len(got[1]) == 0
                assert none, f"it can't be done evenly: expected two empty lists, got {got!r:.80}{given}"
                continue
            queries = [h for h in range(H) if h * N // H == r]
            reads = []
            for h in queries:
                if h // (H // H_kv) not in reads:
                    reads.append(h // (H // H_kv))
            for what, part, right in (("query", got[0], queries), ("key/value", got[1], reads)):
                mine = [h.tolist() if isinstance(h, np.generic | np.ndarray) else h for h in part]
                assert mine == right, f"the {what} heads: expected {right}, got {mine!r:.120}{given}"
                whole = all(isinstance(h, int) for h in mine)
                assert whole, f"the {what} heads are whole numbers: expected {right}, got {mine!r:.120}{given}"


def _gain_gradient(xs, gs):
    total = 0
    for x, g in zip(xs, gs, strict=True):
        total = total + (g * x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-5)).sum(0)
    return total


@exercise(
    start="""
        def gain_gradient(xs, gs):
            # xs[r] (T_r, d): the inputs of the norm on rank r    gs[r] (T_r, d): the gradient of its outputs
            parts = [(g * x).sum(0) for x, g in zip(xs, gs)]
            return np.mean(parts, axis=0)
    """,
    solution=_gain_gradient,
    hint="The gain multiplies x over its root mean square, not x. And the loss is one sum over all tokens, whatever "
    "rank they lie on.",
)
def gradient_of_the_gain(answer, rng):
    """An RMSNorm gives `gamma * x / sqrt(mean(x * x) + 1e-5)` for each token. Its tokens lie on several ranks. Write
    `gain_gradient(xs, gs)`: the gradient of `gamma`, (d,), that every rank must use. Ranks may have different numbers
    of tokens, even none. You may use `np`."""
    for counts, d, size in (((2, 2), 3, 1.0), ((4, 1, 3), 5, 3.0), ((6,), 2, 0.1), ((0, 5, 2, 1), 4, 1.0)):
        xs = [rng.normal(0, size, (T, d)) for T in counts]
        gs = [rng.normal(0, 1, (T, d)) for T in counts]
        expected = np.zeros(d)
        for x, g in zip(xs, gs, strict=True):
            for row, slope in zip(x, g, strict=True):
                expected += slope * row / np.sqrt(sum(row * row) / d + 1e-5)
        got = answer([x.copy() for x in xs], [g.copy() for g in gs])
        x, g = np.concatenate(xs), np.concatenate(gs)
        same(got, expected, "the gradient of the gain", tokens=list(counts), all_x=x, all_g=g)


def _order(r, p, m):
    ahead = min(p - 1 - r, m)
    jobs = [("F", i) for i in range(ahead)]
    for i in range(m):
        if ahead + i < m:
            jobs.append(("F", ahead + i))
        jobs.append(("B", i))
    return jobs, min(p - r, m)


@exercise(
    start="""
        def order(r, p, m):
            # GPipe: all forward, then all backward
            jobs = [("F", i) for i in range(m)] + [("B", i) for i in range(m)]
            held = m
            return jobs, held
    """,
    solution=_order,
    hint="Rank r is p − 1 − r forward passes ahead of its first backward pass, or all m if there are fewer. Then one "
    "of each in turn. It holds most just after a forward pass.",
)
def order_of_a_rank(answer, rng):
    """Write `order(r, p, m)` for 1F1B: rank r's jobs in order, a list of `("F", i)` and `("B", i)` for micro-batches
    i = 0 … m − 1; and the most micro-batches that it holds at a time, from the begin of F to the end of B. The check
    runs all ranks with F = 1 and B = 2: nobody may wait for ever, the step must take 3 (m + p − 1), and rank r may hold
    no more than p − r."""
    cases = [(4, 8), (2, 2), (1, 3), (4, 2), (5, 1), (3, 7)]
    cases.append((int(rng.integers(2, 7)), int(rng.integers(1, 9))))
    for p, m in cases:
        orders, told = [], []
        for r in range(p):
            got = answer(r, p, m)
            case = f"rank {r} of p = {p}, m = {m}"
            two = isinstance(got, tuple | list) and len(got) == 2
            assert two, f"{case}: return the jobs and a number, not {got!r:.80}"
            jobs = got[0]
            assert isinstance(jobs, tuple | list) and all(map(_is_a_job, jobs)), (
                f'{case}: expected a list of jobs as ("F", 0), got {jobs!r:.120}'
            )
            jobs = [(kind, int(i)) for kind, i in jobs]
            every = sorted((kind, i) for kind in "FB" for i in range(m))
            assert sorted(jobs) == every, f"{case}: expected each F and each B once, got {jobs!r:.200}"
            orders.append(jobs)
            told.append(got[1])
        took = _run(orders)
        case = f"p = {p}, m = {m}"
        does = f"; rank 0 does {orders[0]!r:.120}"
        assert took is not None, f"{case}: ranks wait for each other for ever{does}"
        assert took == 3 * (m + p - 1), f"{case}: expected {3 * (m + p - 1)} units of time, it takes {took}{does}"
        for r, jobs in enumerate(orders):
            held = most = 0
            for kind, _ in jobs:
                held += 1 if kind == "F" else -1
                most = max(most, held)
            assert most <= p - r, (
                f"{case}: rank {r} holds {most} micro-batches, expected p − r = {p - r} at most; it does {jobs!r:.120}"
            )
            same(told[r], most, "the most that a rank holds", r=r, p=p, m=m)


def _is_a_job(job):
    pair = isinstance(job, tuple | list) and len(job) == 2
    return pair and isinstance(job[0], str) and isinstance(job[1], int | np.integer)


def _run(orders):
    """When all is done, with F = 1 and B = 2; None if it never is."""
    ended, free, at = {}, [0] * len(orders), [0] * len(orders)
    while True:
        moved = False
        for r, jobs in enumerate(orders):
            if at[r] == len(jobs):
                continue
            kind, i = jobs[at[r]]
            before = [("F", i, r - 1)] if kind == "F" and r else []
            if kind == "B":
                before = [("F", i, r)] + ([("B", i, r + 1)] if r < len(orders) - 1 else [])
            if all(each in ended for each in before):
                begin = max([free[r]] + [ended[each] for each in before])
                free[r] = ended[kind, i, r] = begin + (1 if kind == "F" else 2)
                at[r], moved = at[r] + 1, True
        if not moved:
            return max(free) if all(n == len(jobs) for n, jobs in zip(at, orders, strict=True)) else None


def _sends(r, t, N):
    return (r - t - 1) % N


@exercise(
    start="""
        def sends(r, t, N):
            return r
    """,
    solution=_sends,
    hint="Follow one piece back from its end: piece c must arrive, complete, at rank c in the last step, N − 2. So who "
    "sends it then? And one step before?",
)
def send_round(answer, rng):
    """A reduce-scatter in a ring: in step t = 0 … N − 2 each rank r sends one piece to rank r + 1 (the last to rank 0),
    which adds it to its own. Write `sends(r, t, N)`: the number of the piece that rank r sends, so that after the last
    step rank r holds the sum of all ranks' piece r."""
    for N in (2, 3, 4, 5, int(rng.integers(6, 9))):
        held = [[{r} for _ in range(N)] for r in range(N)]  # which ranks' numbers a piece sums
        sent = [[] for _ in range(N)]
        for t in range(N - 1):
            moves = []
            for r in range(N):
                c = answer(r, t, N)
                case = f"N = {N}, step {t}: rank {r} sends piece {c!r:.40}"
                assert np.ndim(c) == 0 and np.asarray(c).dtype.kind in "iu", f"{case}, expected one whole number"
                assert c in range(N), f"{case}, expected one of 0 … {N - 1}"
                moves.append((r, int(c), set(held[r][int(c)])))
                sent[r].append(int(c))
            pieces = "; the ranks send " + ", ".join(f"{r}: {each}" for r, each in enumerate(sent))
            for r, c, what in moves:
                to = (r + 1) % N
                twice = held[to][c] & what
                assert not twice, (
                    f"N = {N}, step {t}: rank {to} would add rank {min(twice)}'s piece {c} a second time{pieces}"
                )
                held[to][c] = held[to][c] | what
        for r in range(N):
            missing = set(range(N)) - held[r][r]
            assert not missing, f"N = {N}: at the end rank {r}'s piece {r} lacks what rank {min(missing)} had{pieces}"
