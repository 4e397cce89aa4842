"""What GPUs can do at best, from their makers' sheets. Plain data: nothing here was measured."""

from typing import NamedTuple

from topics.kit.numerics import GB, GIB


class GPU(NamedTuple):
    """memory in bytes, bandwidth in bytes/s, flops in FLOP/s: dense BF16 with FP32 sums, a multiply-add being two."""

    memory: int
    bandwidth: float
    flops: float


# Sheets print memory as GB and mean 2**30 bytes, less a small reserve: an A100 of "80 GB" reports 79.3 GiB.
# Bandwidth is in 10**9 bytes. Sheets that print FLOP/s "with sparsity" print twice the dense rate: halved here.
GPUS = {
    "RTX 4090": GPU(24 * GIB, 1008 * GB, 165.2e12),  # nvidia2022ada, appendix A: 165.2 dense, 330.4 sparse
    "A100": GPU(80 * GIB, 2039 * GB, 312e12),  # nvidia2021a100, 80 GB SXM: 312 dense, 624 sparse
    "H100": GPU(80 * GIB, 3350 * GB, 989e12),  # nvidia2023h100, SXM: 1,979 sparse
    "H200": GPU(141 * GIB, 4800 * GB, 989e12),  # nvidia2023h200, SXM: 1,979 sparse
}


def times(n, gpu):
    """n GPUs as one, as if sharing work cost nothing: an upper bound.

    >>> times(8, GPUS["H100"]).memory // GIB
    640
    """
    return GPU(*(n * x for x in gpu))


GPUS["8 × H100"] = times(8, GPUS["H100"])
