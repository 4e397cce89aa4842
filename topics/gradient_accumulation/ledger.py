"""What a step of training keeps in memory, and what it computes and exchanges: GPT-2's family, counted.

P parameters   d width   L layers   V words   T tokens of a window   b windows of a piece   n GPUs, each with a copy
"""

GPT2 = {"GPT-2 small": (12, 768), "GPT-2 medium": (24, 1024), "GPT-2 large": (36, 1280), "GPT-2 XL": (48, 1600)}  # L, d
V, T, WINDOWS = 50_257, 1024, 512  # of all four; a batch of 512 windows has 524,288 tokens
LINKS = {"NVLink, 450 GB/s": 450e9, "InfiniBand, 400 Gb/s": 50e9,
         "Ethernet, 100 Gb/s": 12.5e9, "Ethernet, 10 Gb/s": 1.25e9}  # bytes/s that a GPU sends  # fmt: skip
SHARE_OF_PEAK = 0.4  # of the arithmetic that a GPU's sheet promises: an assumption


def parameters(name):
    """Every matrix, bias and norm; the output matrix is the embedding.

    >>> parameters("GPT-2 small"), parameters("GPT-2 XL")
    (124439808, 1557611200)
    """
    L, d = GPT2[name]
    return (V + T) * d + L * (12 * d * d + 13 * d) + 2 * d


def fixed_bytes(name):
    """Per parameter: 2 bytes BF16, 4 of the summed gradient, 12 of Adam (FP32 copy and two means): 18.

    >>> fixed_bytes("GPT-2 small")
    2239916544
    """
    return 18 * parameters(name)


def activation_bytes(name, b):
    """What b windows keep for the way back: 34 bytes a token, width and layer (arXiv 2205.05198, without the matrix of
    attention weights, which FlashAttention doesn't keep), and FP32 logits.

    >>> activation_bytes("GPT-2 small", 1)
    526716928
    """
    L, d = GPT2[name]
    return b * T * (34 * d * L + 4 * V)


def step_seconds(name, n, gpu, link):
    """Seconds of arithmetic, and of one exchange of FP32 gradients in a ring, for a batch on n GPUs (eq:exchange)."""
    P = parameters(name)
    return 6 * P * WINDOWS * T / (n * SHARE_OF_PEAK * gpu.flops), 2 * (n - 1) / n * 4 * P / link
