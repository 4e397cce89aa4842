"""Who computes what in a step: decodes and chunks of prompts under one budget, and what happens when blocks run out.

Knows nothing of the tokens themselves: a request is how long its prompt is, and how long its text will be.
"""

from dataclasses import dataclass, field

from topics.paged_attention.method import allocate, blocks_for, release


@dataclass
class Request:
    """A text that is being written: its prompt's tokens, and what it will have in the end."""

    name: int
    prompt: int
    length: int
    known: int = 0  # tokens that stand: the prompt and what was written
    computed: int = 0  # of these, how many have their keys and values in the pool
    table: list = field(default_factory=list)
    preempted: int = 0
    recomputed: int = 0

    def __post_init__(self):
        self.known = self.prompt


def grow(pool, request, count):
    """Blocks for `count` more tokens of a request; False, and none taken, where there are too few."""
    missing = blocks_for(request.computed + count, pool.b) - len(request.table)
    if missing > len(pool.queue):
        return False
    request.table += [allocate(pool) for _ in range(missing)]
    return True


def preempt(pool, request):
    """Take all blocks from a request. What it has written stays known, and is computed again later."""
    release(pool, request.table)
    request.recomputed += request.computed
    request.computed = 0
    request.preempted += 1


def schedule_step(running, waiting, pool, budget, chunks=True):
    """Who computes how many tokens now: a list of (request, count), at most `budget` tokens in all.

    First those that run, in the order in which they came; where blocks run out, the last that came gives up its own.
    Then those that wait, unless somebody had to give up blocks. Both lists change in place.
    chunks  False takes a waiting prompt as a whole, however long, as Orca did
    """
    plan, tight, i = [], False, 0
    while i < len(running):
        request = running[i]
        count = min(request.known - request.computed, budget)
        if count == 0:
            break
        while not grow(pool, request, count):
            last, tight = running.pop(), True
            preempt(pool, last)
            waiting.insert(0, last)
            if last is request:
                break
        else:
            plan.append((request, count))
            budget -= count
            i += 1
    while waiting and not tight:
        request = waiting[0]
        wanted = request.known - request.computed
        count = min(wanted, budget) if chunks else wanted
        if budget <= 0 or not grow(pool, request, count):
            break
        running.append(waiting.pop(0))
        plan.append((request, count))
        budget -= count
    return plan


def compute(plan, running, pool):
    """What the model would do with a plan. Who has all tokens computed writes one more, or is done and leaves.

    returns the requests that are done
    """
    done = []
    for request, count in plan:
        request.computed += count
        if request.computed < request.known:
            continue  # a prompt's chunk: nothing is written yet
        request.known += 1
        if request.known >= request.length:
            done.append(request)
    for request in done:
        running.remove(request)
        release(pool, request.table)
    return done
