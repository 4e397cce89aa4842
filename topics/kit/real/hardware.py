"""What GPUs can do at best, from their makers' sheets. Plain data: nothing here was measured."""

from typing import NamedTuple

from topics.kit.numerics import GB, GIB


class GPU(NamedTuple):
    """memory in bytes, bandwidth in bytes/s, flops in FLOP/s: dense BF16 with FP32 sums, a multiply-add being two."""

    memory: int
    bandwidth: float
    flops: float
    n: int = 1  # GPUs that these are the sums of: they split heads, and keep whole what can't be split


# Sheets print memory as GB and mean 2**30 bytes, less a small reserve: an A100 of "80 GB" reports 79.3 GiB.
# Bandwidth is in 10**9 bytes. Sheets that print FLOP/s "with sparsity" print twice the dense rate: halved here.
GPUS = {
    "RTX 4090": GPU(24 * GIB, 1008 * GB, 165.2e12),  # nvidia2022ada, appendix A: 165.2 dense, 330.4 sparse
    "A100": GPU(80 * GIB, 2039 * GB, 312e12),  # nvidia2021a100, 80 GB SXM: 312 dense, 624 sparse
    "H100": GPU(80 * GIB, 3350 * GB, 989e12),  # nvidia2023h100, SXM: 1,979 sparse
    "H200": GPU(141 * GIB, 4800 * GB, 989e12),  # nvidia2023h200, SXM: 1,979 sparse
    # nvidia2025blackwell: an HGX board's 180 GB and 7.7 TB/s each, 4,500 sparse. In a rack, as GB200, it has 186 GB and
    # 8 TB/s; 192 GB were announced. A B200 reports 178 GiB, and 7,680 lines at 3,996 MHz, two bits a beat, which makes
    # 7.67 TB/s (pytorch2026b200).
    "B200": GPU(180 * GIB, 7700 * GB, 2250e12),
}


def times(n, gpu):
    """n GPUs as one that splits heads over them, as if the network between them cost nothing: an upper bound.

    >>> eight = times(8, GPUS["H100"])
    >>> eight.memory // GIB, eight.n
    (640, 8)
    """
    return GPU(*(n * x for x in gpu))


GPUS |= {f"8 × {name}": times(8, GPUS[name]) for name in ("H100", "B200")}
