"""Values of a layer of multi-head latent attention for tests/topics/test_mla.py, written in PyTorch straight from
equations 9 to 19 of DeepSeek-V2's report (arXiv 2405.04434), latent of the query included. By hand, with
training/requirements.txt installed:

python tests/reference/mla.py
"""

import math
from pathlib import Path

import numpy as np
import torch

T, WIDTH, HEADS, HEAD, LATENT, QUERY_LATENT, ROTARY = 7, 24, 3, 8, 10, 9, 4


def rope(x):
    """x (T, ..., ROTARY): pairs of neighbours turned as complex numbers, as the released model does it."""
    angles = torch.outer(torch.arange(len(x)).double(), 10_000.0 ** (-torch.arange(0, ROTARY, 2).double() / ROTARY))
    turns = torch.polar(torch.ones_like(angles), angles)  # (T, ROTARY/2)
    turns = turns.reshape(len(x), *[1] * (x.ndim - 2), -1)
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * turns).flatten(-2)


def main():
    torch.manual_seed(0)
    shapes = {
        "DKV": (LATENT, WIDTH), "UK": (HEADS * HEAD, LATENT), "UV": (HEADS * HEAD, LATENT),
        "DQ": (QUERY_LATENT, WIDTH), "UQ": (HEADS * HEAD, QUERY_LATENT), "QR": (HEADS * ROTARY, QUERY_LATENT),
        "KR": (ROTARY, WIDTH), "O": (WIDTH, HEADS * HEAD),
    }  # fmt: skip
    W = {name: torch.randn(*shape, dtype=torch.float64) / shape[1] ** 0.5 for name, shape in shapes.items()}
    h = torch.randn(T, WIDTH, dtype=torch.float64)

    c_KV = h @ W["DKV"].T  # 9
    k_C = (c_KV @ W["UK"].T).view(T, HEADS, HEAD)  # 10
    v_C = (c_KV @ W["UV"].T).view(T, HEADS, HEAD)  # 11
    c_Q = h @ W["DQ"].T  # 12
    q_C = (c_Q @ W["UQ"].T).view(T, HEADS, HEAD)  # 13
    q_R = rope((c_Q @ W["QR"].T).view(T, HEADS, ROTARY))  # 14
    k_R = rope(h @ W["KR"].T)  # 15
    q = torch.cat([q_C, q_R], -1)  # 16
    k = torch.cat([k_C, k_R[:, None].expand(T, HEADS, ROTARY)], -1)  # 17
    o = torch.zeros(T, HEADS, HEAD, dtype=torch.float64)
    for t in range(T):
        for i in range(HEADS):
            s = k[: t + 1, i] @ q[t, i] / math.sqrt(HEAD + ROTARY)
            o[t, i] = torch.softmax(s, 0) @ v_C[: t + 1, i]  # 18
    u = o.reshape(T, -1) @ W["O"].T  # 19

    about = f"torch {torch.__version__}, numpy {np.__version__}"
    arrays = {"h": h, "u": u, "c_KV": c_KV, "k_R": k_R} | {f"W_{name}": value for name, value in W.items()}
    np.savez_compressed(
        Path(__file__).with_suffix(".npz"), about=about, **{name: array.numpy() for name, array in arrays.items()}
    )
    print(about)


if __name__ == "__main__":
    main()
