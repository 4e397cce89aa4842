"""Values of PyTorch's attention for tests/topics/test_mqa.py. By hand, with training/requirements.txt installed:

python tests/reference/mqa.py
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

HEADS, T, WIDTH, D = 6, 7, 10, 4


def main():
    torch.manual_seed(0)
    draw = {"dtype": torch.float64}
    x = torch.randn(T, WIDTH, **draw)
    W_q, W_o = torch.randn(HEADS, WIDTH, D, **draw), torch.randn(HEADS, D, WIDTH, **draw)
    W_k, W_v = torch.randn(WIDTH, D, **draw), torch.randn(WIDTH, D, **draw)
    q, k, v = x @ W_q, (x @ W_k)[None], (x @ W_v)[None]  # (HEADS, T, D) and twice (1, T, D)
    y = scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)  # torch spreads the one head itself
    values = {
        "x": x, "W_q": W_q, "W_k": W_k, "W_v": W_v, "W_o": W_o,
        "layer": (y @ W_o).sum(0),
        "step": scaled_dot_product_attention(q[:, -1:], k, v, enable_gqa=True)[:, 0],
        "pooled": W_q.unflatten(0, (2, -1)).mean(1),
    }  # fmt: skip
    about = f"torch {torch.__version__}, numpy {np.__version__}"
    np.savez_compressed(Path(__file__).with_suffix(".npz"), about=about, **{k: t.numpy() for k, t in values.items()})
    print(about)


if __name__ == "__main__":
    main()
