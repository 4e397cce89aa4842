"""Pipeline schedules: in which order each rank does its work. Knows no clock: simulate has one.

p ranks, one behind the other   m micro-batches, numbered i   v stages a rank   s a stage: 0 … v·p − 1
F forward   B backward, whole, which is I and W: I the gradient of the inputs   W the gradient of the parameters
(PyTorch's letters. The zero-bubble paper writes B for I; DeepSeek's B is whole.)
"""

from typing import NamedTuple


class Job(NamedTuple):
    """One piece of work: what, for which micro-batch, in which stage."""

    kind: str  # "F", "B", "I" or "W"
    i: int
    s: int
    way: int = 0  # DualPipe sends micro-batches through the stages both ways: 0 from rank 0 on, 1 from the last rank on


def schedule(name, p, m):
    """The orders of p ranks for m micro-batches: a list of p lists, each of tuples of Jobs. What stands in one tuple is
    run at once; only DualPipe has tuples of two.

    name  one of SCHEDULES
    raises ValueError where the schedule does not exist for p and m

    >>> [job.kind + str(job.i) for (job,) in schedule("1F1B", 2, 3)[0]]
    ['F0', 'F1', 'B0', 'F2', 'B1', 'B2']
    """
    why = forbids(name, p, m)
    if why:
        raise ValueError(f"{name}: {why}")
    return [ORDERS[name](r, p, m) for r in range(p)]


def forbids(name, p, m):
    """Why a schedule does not exist for p ranks and m micro-batches; nothing where it does."""
    if name.startswith("interleaved") and m % p:
        return f"m must be a multiple of p = {p}"
    if name == "DualPipe" and (p % 2 or m % 2 or m < 2 * p):
        return f"p and m must be even, and m at least 2 p = {2 * p}"
    return ""


def gpipe(r, p, m):
    """All forward, then all backward (huang2018)."""
    return [(Job("F", i, r),) for i in range(m)] + [(Job("B", i, r),) for i in range(m)]


def one_f_one_b(r, p, m):
    """As many forward as there are ranks behind this one; then one forward, one backward, in turn (narayanan2021)."""
    return _in_turn([(Job("F", i, r),) for i in range(m)], [(Job("B", i, r),) for i in range(m)], p - 1 - r)


def interleaved(v):
    """1F1B with v stages a rank, p apart: groups of p micro-batches go round the ranks v times (narayanan2021)."""

    def order(r, p, m):
        forward, backward = [], []
        for n in range(m * v):
            group, place = divmod(n, p * v)
            chunk, i = place // p, group * p + place % p
            forward.append((Job("F", i, chunk * p + r),))
            backward.append((Job("B", i, (v - 1 - chunk) * p + r),))
        return _in_turn(forward, backward, 2 * (p - 1 - r) + (v - 1) * p)

    return order


def _in_turn(forward, backward, ahead):
    """So many forward; then one of each, in turn; then what is left of the backward ones."""
    n = len(forward)
    ahead = min(ahead, n)
    pairs = zip(forward[ahead:], backward, strict=False)
    return forward[:ahead] + [job for pair in pairs for job in pair] + backward[n - ahead :]


def zb_h1(r, p, m):
    """1F1B with B cut into I and W: rank r is r of its W behind, and does them where 1F1B is idle (qi2023)."""
    order, done = [], 0
    for (job,) in one_f_one_b(r, p, m):
        order.append((job._replace(kind="I") if job.kind == "B" else job,))
        if job.kind == "B" and job.i - done >= r:
            order.append((Job("W", done, r),))
            done += 1
    return order + [(Job("W", i, r),) for i in range(done, m)]


def dualpipe(r, p, m):
    """DeepSeek's: half of the micro-batches enter at the last rank, and every rank has a stage for each way. The eight
    phases of their code (deepseek2025dualpipe): side 0 is the way that begins at the nearer end of the ranks."""
    h, order, count, apart = min(r, p - 1 - r), [], {}, []
    rest, first = p // 2 - 1 - h, ["F0", "B1"] if h == p // 2 - 1 else ["F0 B1"]
    plan = ["F0"] * 2 * rest + ["F0", "F1"] * (h + 1) + ["I1", "W", "F1"] * rest
    plan += [*first, "F1 B0"] + ["F0 B1", "F1 B0"] * (m // 2 - p + h) + ["B1", "F1 B0"] * rest
    for n in range(h + 1):
        plan += ["B1" if n < (h + 2) // 2 else "I1", "B0" if n < (h + 1) // 2 else "I0"]
    plan += ["W", "I0"] * rest + ["W"] * (h + 1)
    for step in plan:
        jobs = []
        for name in step.split():
            if name == "W":
                jobs.append(apart.pop(0)._replace(kind="W"))
                continue
            way = int(name[1]) ^ (r >= p // 2)
            i = count[name[0] == "F", way] = count.get((name[0] == "F", way), -1) + 1
            jobs.append(Job(name[0], i, p - 1 - r if way else r, way))
            apart += [jobs[-1]] if name[0] == "I" else []
        order.append(tuple(jobs))
    return order


ORDERS = {
    "GPipe": gpipe,
    "1F1B": one_f_one_b,
    "interleaved, v = 2": interleaved(2),
    "interleaved, v = 4": interleaved(4),
    "ZB-H1": zb_h1,
    "DualPipe": dualpipe,
}
SCHEDULES = tuple(ORDERS)
