"""Four-bit formats as files hold them, byte by byte: GGUF's Q4_0, NF4, OCP's MXFP4, NVIDIA's NVFP4.

w (..., g) weights in blocks   codes 0 to 15, whole numbers   blocks (..., bytes) what is stored
"""

import numpy as np

from topics.kit.numerics import FORMATS, NF4, nearest_level, to_format

# what a code of four bits stands for; the scale of a block does the rest
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])  # the highest bit is the sign

# weights of a block, and its bytes: those of scales, then half a byte a weight
BLOCK = {"Q4_0": (32, 2), "NF4": (64, 4), "MXFP4": (32, 1), "NVFP4": (16, 1)}


# weights of a block of llama.cpp's, and its bytes (ggml2026)
GGUF = {"Q8_0": (32, 34), "Q6_K": (256, 210), "Q4_K": (256, 144), "Q4_0": (32, 18), "MXFP4": (32, 17),
        "Q3_K": (256, 110), "Q2_K": (256, 84), "IQ1_S": (256, 50)}  # fmt: skip


def gguf_bits(kind):
    """Bits a weight of one of llama.cpp's block formats.

    >>> gguf_bits("Q2_K")
    2.625
    """
    weights, size = GGUF[kind]
    return 8 * size / weights


def e2m1(x):
    """The codes of the numbers of E2M1 nearest to x, of two equally near the even one; beyond 6 it is 6.

    >>> e2m1(np.array([0.3, -0.3, 1.25, 2.5, 100.0])).tolist(), E2M1[[1, 9, 2, 4, 7]].tolist()
    ([1, 9, 2, 4, 7], [0.5, -0.5, 1.0, 2.0, 6.0])
    """
    size = np.abs(to_format(np.asarray(x, float), "E2M1"))
    return (np.searchsorted(E2M1[:8], size) + 8 * np.signbit(x)).astype(np.uint8)


def mxfp4(w):
    """A block's scale as E8M0, a power of two, and its codes: 2^(floor(log2 max) − 2) (eq:mx).

    w        (..., 32)
    returns  e (..., 1) bytes, the exponent plus 127; codes (..., 32). Byte 255 would be NaN.

    >>> e, _ = mxfp4(np.full((1, 32), 2.7))   # floor(log2 2.7) is 1, so the scale is 2^−1
    >>> int(e[0, 0]) - 127
    -1
    """
    top = np.abs(w).max(-1, keepdims=True)
    exponent = np.where(top > 0, np.frexp(top)[1] - 1 - 2, -127)  # frexp's fraction is from ½ to 1
    exponent = np.clip(exponent, -127, 127)
    return (exponent + 127).astype(np.uint8), e2m1(w / 2.0**exponent)


def nvfp4(w, whole=None):
    """A block's scale in E4M3, and its codes, after one scale for the whole tensor (eq:nv).

    w        (..., 16)
    whole    the tensor's scale: what takes the largest |w| to 6 · 448, unless it is given
    returns  that scale, scales (..., 1) as numbers of E4M3, codes (..., 16)
    """
    top = np.abs(w).max(-1, keepdims=True)
    if whole is None:
        whole = float(top.max()) / (6 * FORMATS["E4M3"].largest) or 1.0
    s = to_format(top / 6 / whole, "E4M3", saturate=True)
    return whole, s, e2m1(w / np.where(s > 0, s * whole, np.inf))


def q4_0(w):
    """A block's scale in FP16 and its codes: the largest |w|, with its sign, becomes code 0, which is −8 steps.

    w        (..., 32)
    returns  d (..., 1), codes (..., 32)
    """
    largest = np.take_along_axis(w, np.abs(w).argmax(-1)[..., None], -1)
    d = largest / -8
    q = np.trunc(w / np.where(d == 0, np.inf, d) + 8.5)
    return to_format(d, "FP16"), np.clip(q, 0, 15).astype(np.uint8)


def nf4(w):
    """A block's largest |w| in FP32 and its codes in the table of NF4.

    w        (..., 64)
    returns  top (..., 1), codes (..., 64)
    """
    top = to_format(np.abs(w).max(-1, keepdims=True), "FP32")
    x = w / np.where(top == 0, 1, top)
    return top, nearest_level(x, NF4).astype(np.uint8)


# ---- bytes


def packed(w, kind):
    """Weights (n,) as the blocks of a format, (n/g, bytes) of uint8: the scale's bytes first, then two codes a byte.

    >>> packed(np.arange(64.0), "Q4_0").shape, packed(np.arange(64.0), "MXFP4").shape
    ((2, 18), (2, 17))
    """
    w = np.asarray(w, float).reshape(-1, BLOCK[kind][0])
    if kind == "Q4_0":
        d, codes = q4_0(w)
        head = d.astype(np.float16).view(np.uint8)  # little end first
    elif kind == "NF4":
        top, codes = nf4(w)
        head = top.astype(np.float32).view(np.uint8)
    elif kind == "MXFP4":
        head, codes = mxfp4(w)
    else:
        _, s, codes = nvfp4(w)
        head = np.searchsorted(E4M3, s).astype(np.uint8)
    return np.concatenate([head, in_pairs(codes, kind)], -1)


E4M3 = np.concatenate([np.arange(8) / 8 * 2.0**-6, *(2.0**e * (1 + np.arange(8) / 8) for e in range(-6, 9))])[:127]


def in_pairs(codes, kind):
    """Two codes a byte: (..., g) to (..., g/2). bitsandbytes' NF4 takes neighbours, the first in the high half; GGUF
    takes a code of the block's first half for the low half of a byte, one of its second half for the high."""
    if kind == "NF4":
        return codes[..., ::2] << 4 | codes[..., 1::2]
    half = codes.shape[-1] // 2
    return codes[..., :half] | codes[..., half:] << 4


def unpacked(blocks, kind, whole=1.0):
    """What the blocks of a format stand for: (n, bytes) to (n · g,). whole: NVFP4's scale of the tensor."""
    g, head = BLOCK[kind]
    scale, pairs = blocks[:, :head].copy(), blocks[:, head:]
    if kind == "NF4":
        codes = np.stack([pairs >> 4, pairs & 15], -1).reshape(len(blocks), g)
    else:
        codes = np.concatenate([pairs & 15, pairs >> 4], -1)
    if kind == "Q4_0":
        return (scale.view(np.float16).astype(float) * (codes.astype(float) - 8)).ravel()
    if kind == "NF4":
        return (scale.view(np.float32).astype(float) * NF4[codes]).ravel()
    if kind == "MXFP4":
        power = np.where(scale == 255, np.nan, 2.0 ** (scale.astype(float) - 127))
        return (power * E2M1[codes]).ravel()
    return (whole * E4M3[scale] * E2M1[codes]).ravel()


def held_as(w, kind):
    """Weights (n,) as a format gives them back."""
    whole = nvfp4(np.asarray(w, float).reshape(-1, 16))[0] if kind == "NVFP4" else 1.0
    return unpacked(packed(w, kind), kind, whole)


def stored_bits(kind):
    """Bits a weight, counted from the bytes of a packed block.

    >>> [stored_bits(kind) for kind in BLOCK]
    [4.5, 4.5, 4.25, 4.5]
    """
    g = BLOCK[kind][0]
    return 8 * packed(np.ones(g), kind).shape[-1] / g
