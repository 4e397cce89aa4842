"""Blocks of llama.cpp's formats as the PyPI package gguf makes and reads them, and PyTorch's fake quantisation, for
tests/topics/test_quantization.py. By hand, with PyTorch 2.13 and gguf 0.19:

python tests/reference/quantization.py
"""

from pathlib import Path

import gguf
import numpy as np
import torch
from gguf.quants import dequantize, quantize

TYPES = gguf.GGMLQuantizationType
SIZED = ("Q8_0", "Q6_K", "Q4_K", "Q4_0", "MXFP4", "Q3_K", "Q2_K", "IQ1_S")


def main():
    rng = np.random.default_rng(0)
    w = (rng.normal(size=(40, 64)) * 2.0 ** rng.integers(-9, 4, (40, 1))).astype(np.float32)
    w[0, :32] = 0
    out = {"w": w}
    for kind in ("Q4_0", "MXFP4"):
        out[f"{kind}_bytes"] = quantize(w, TYPES[kind])
        out[kind] = dequantize(out[f"{kind}_bytes"], TYPES[kind])
    blocks = rng.integers(0, 256, (30, 36), dtype=np.uint8)
    blocks[:, :4] = rng.integers(1, 127, (30, 4))  # scales: neither a sign nor NaN
    out["NVFP4_bytes"], out["NVFP4"] = blocks, dequantize(blocks, TYPES.NVFP4)
    out["sizes"] = np.array([gguf.GGML_QUANT_SIZES[TYPES[kind]] for kind in SIZED])

    x = torch.tensor(rng.normal(size=(6, 16)), requires_grad=True)
    low, high = x.detach().amin(1).clamp(max=0), x.detach().amax(1).clamp(min=0)
    for bits in (2, 4, 8):
        s = (high - low) / (2**bits - 1)
        z = torch.round(-low / s).to(torch.int32)
        y = torch.fake_quantize_per_channel_affine(x, s.float(), z, 0, 0, 2**bits - 1)
        (grad,) = torch.autograd.grad((y * torch.arange(16.0)).sum(), x)
        out |= {f"affine{bits}": y.detach().numpy(), f"gradient{bits}": grad.numpy()}
    out["x"] = x.detach().numpy()
    np.savez_compressed(Path(__file__).with_suffix(".npz"), **out)


if __name__ == "__main__":
    main()
