"""Values of PyTorch's grouped attention for tests/topics/test_gqa.py. By hand, with training/requirements.txt:

python tests/reference/gqa.py
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

BATCH, H, T_Q, T_K, D, D_V = 2, 8, 3, 5, 4, 3


def main():
    torch.manual_seed(0)
    draw = {"dtype": torch.float64}
    q, values = torch.randn(BATCH, H, T_Q, D, **draw), {}
    for H_kv in (1, 2, 4, 8):
        k, v = torch.randn(BATCH, H_kv, T_K, D, **draw), torch.randn(BATCH, H_kv, T_K, D_V, **draw)
        seen = torch.ones(T_Q, T_K, dtype=torch.bool).tril(T_K - T_Q)
        values |= {
            f"k{H_kv}": k, f"v{H_kv}": v,
            f"plain{H_kv}": scaled_dot_product_attention(q, k, v, enable_gqa=True),
            f"causal{H_kv}": scaled_dot_product_attention(q, k, v, attn_mask=seen, enable_gqa=True),
            f"square{H_kv}": scaled_dot_product_attention(
                q, k[:, :, :T_Q], v[:, :, :T_Q], is_causal=True, enable_gqa=True),
            f"spread{H_kv}": k.repeat_interleave(H // H_kv, 1),
        }  # fmt: skip
    about = f"torch {torch.__version__}, numpy {np.__version__}"
    values = {name: tensor.numpy() for name, tensor in {"q": q, **values}.items()}
    np.savez_compressed(Path(__file__).with_suffix(".npz"), about=about, **values)
    print(about)


if __name__ == "__main__":
    main()
