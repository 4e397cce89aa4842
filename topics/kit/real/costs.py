"""What attention costs in memory and time, as several pages count it. Knows no page and no model.

T tokens   L layers   H_kv key/value heads of width D   b bytes a number
"""


def cache_bytes(T, L, H_kv, D, b=2):
    """Bytes for the keys and values of one sequence of T tokens (eq:bytes).

    >>> cache_bytes(T=1, L=32, H_kv=8, D=128, b=2)   # Llama-3.1-8B, one token: 128 KiB
    131072
    """
    return 2 * T * L * H_kv * D * b  # the 2 is K and V


def users_that_fit(memory, weights, per_user):
    """Whole caches that fit beside the weights, all in bytes; zero when even the weights do not.

    >>> users_that_fit(memory=80, weights=16, per_user=20)
    3
    """
    return max(0, int((memory - weights) // per_user))


def roofline_time(work, gpu):
    """Seconds at best: the slower of computing and moving (eq:time), as in Williams et al. 2009.

    work  (FLOP, bytes moved)   gpu  a GPU of topics.kit.real.hardware
    """
    flops, moved = work
    return max(flops / gpu.flops, moved / gpu.bandwidth)
