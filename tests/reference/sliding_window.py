"""Values of PyTorch's attention under a window for tests/topics/test_sliding_window.py. By hand, with
training/requirements.txt installed:

python tests/reference/sliding_window.py
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn.attention.flex_attention import and_masks, create_mask, flex_attention
from torch.nn.functional import scaled_dot_product_attention

HEADS, T, D, W = 3, 9, 8, 4


def causal(b, h, q, kv):
    return kv <= q


def window(size):
    """As Transformers' sliding_window_overlay has it."""

    def inside(b, h, q, kv):
        return kv > q - size

    return inside


def main():
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, HEADS, T, D, dtype=torch.float64) for _ in range(3))
    seen = {f"mask_{size}": create_mask(and_masks(causal, window(size)), 1, 1, T, T, "cpu")[0, 0] for size in (1, W, T)}

    def hide(score, b, h, i, j):
        return torch.where((j <= i) & (j > i - W), score, -torch.inf)

    with torch.no_grad():
        values = {
            "q": q[0], "k": k[0], "v": v[0], **seen,
            "sdpa": scaled_dot_product_attention(q, k, v, attn_mask=seen[f"mask_{W}"])[0],
            "flex": flex_attention(q, k, v, score_mod=hide)[0],
        }  # fmt: skip
    about = f"torch {torch.__version__}, numpy {np.__version__}"
    np.savez_compressed(
        Path(__file__).with_suffix(".npz"), about=about, **{name: t.numpy() for name, t in values.items()}
    )
    print(about)


if __name__ == "__main__":
    main()
