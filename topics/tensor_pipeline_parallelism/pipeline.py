"""A clock for pipeline schedules: when each Job runs, how long ranks are idle, and what they hold. Knows no order.

p ranks   m micro-batches   v stages a rank   F, B, I, W  times of the Jobs of one micro-batch on one rank, B = I + W
"""

from topics.tensor_pipeline_parallelism.schedules import schedule

TIMES = {"F": 1, "I": 1, "W": 1}  # two matrix products backward for one forward; whole numbers, so that time is exact


def simulate(orders, times=TIMES, v=1):
    """When each Job begins and ends, if every rank does its own in order, each as soon as what it needs is there.

    orders   what schedule gives   v  stages a rank: a Job is 1/v of a micro-batch's work there
    returns  for each rank a list of (Job, begin, end), in units of 1/v of TIMES
    raises ValueError where ranks wait for each other for ever, or leave a micro-batch's backward pass undone

    >>> from topics.tensor_pipeline_parallelism.schedules import schedule
    >>> rows = simulate(schedule("1F1B", 2, 2))
    >>> [f"{job.kind}{job.i} {begin}–{end}" for job, begin, end in rows[0]]
    ['F0 0–1', 'F1 1–2', 'B0 4–6', 'B1 7–9']
    """
    lasts = {"F": times["F"], "B": times["I"] + times["W"], "I": times["I"], "W": times["W"]}
    stages = 1 + max(job.s for order in orders for jobs in order for job in jobs)
    ended, free, at = {}, [0] * len(orders), [0] * len(orders)
    rows, moved = [[] for _ in orders], True
    while moved:
        moved = False
        for r, order in enumerate(orders):
            while at[r] < len(order):
                jobs = order[at[r]]
                ready = [ended.get(need) for job in jobs for need in needs(job, stages)]
                if None in ready:
                    break  # let the others go on first
                now = max([free[r], *ready])
                for job in jobs:
                    rows[r].append((job, now, now + lasts[job.kind]))
                    now += lasts[job.kind]
                for job in jobs:  # what runs at once ends at once
                    ended[done(job)] = now
                free[r], at[r], moved = now, at[r] + 1, True
    stuck = [r for r, order in enumerate(orders) if at[r] < len(order)]
    if stuck:
        raise ValueError(f"deadlock: rank {stuck[0]} waits for ever at its step {at[stuck[0]] + 1}")
    if any(("back", *what[1:]) not in ended for what in ended):
        raise ValueError("a micro-batch went forward and never came back")
    return rows


def done(job):
    """What a Job has done once it ended: its kind of work, which micro-batch, which stage, which way."""
    return ("back" if job.kind in "BI" else job.kind, job.i, job.s, job.way)


def needs(job, stages):
    """What must have been done before: forward, the stage before; backward, the same stage forward and the next stage
    backward; W, its own I."""
    i, s, way = job[1:]
    if job.kind == "F":
        return [("F", i, s - 1, way)] if s else []
    if job.kind == "W":
        return [("back", i, s, way)]
    return [("F", i, s, way), *([("back", i, s + 1, way)] if s < stages - 1 else [])]


def idle_share(rows):
    """The share of all ranks' time, from the first Job's begin to the last one's end, in which they do nothing."""
    whole = len(rows) * max(end for row in rows for _, _, end in row)
    return 1 - sum(end - begin for row in rows for _, begin, end in row) / whole


def held_over_time(row):
    """What a rank holds: [(time, stages' activations)] after each change; from the begin of F to the end of B or W."""
    events = [(begin, 1, 1) for job, begin, end in row if job.kind == "F"]
    events += [(end, 0, -1) for job, begin, end in row if job.kind in "BW"]
    held, steps = 0, []
    for time, _, change in sorted(events):
        held += change
        steps.append((time, held))
    return steps


def peak_activations(row, v=1):
    """The most that a rank holds at a time, in micro-batches of its whole share of the model."""
    return max(held for _, held in held_over_time(row)) / v


def stages_a_rank(name):
    """v of a schedule: 2 of "interleaved, v = 2"."""
    return int(name[-1]) if name.startswith("interleaved") else 1


def timetable(name, p, m):
    """simulate for a schedule by its name."""
    return simulate(schedule(name, p, m), TIMES, stages_a_rank(name))


def bubble(name, p):
    """How long every rank is idle, in TIMES, by the schedules' papers (eq:bubble, eq:zero, eq:dual)."""
    F, B, W = TIMES["F"], TIMES["I"] + TIMES["W"], TIMES["W"]
    if name == "DualPipe":
        return (p / 2 - 1) * ((F + B) + B - 3 * W)  # where running F and B at once gains nothing
    if name == "ZB-H1":
        return (p - 1) * (F + B - 2 * W)
    return (p - 1) * (F + B) / stages_a_rank(name)


def bubble_fraction(name, p, m, of="step"):
    """The bubble as a share of the whole step, or of the ideal one, in which nobody waits.

    of  "step" or "ideal"

    >>> round(bubble_fraction("1F1B", 4, 8), 3), bubble_fraction("1F1B", 4, 8, of="ideal")   # 3/11 and 3/8
    (0.273, 0.375)
    """
    ideal = m * sum(TIMES.values())
    return bubble(name, p) / (ideal + (bubble(name, p) if of == "step" else 0))
