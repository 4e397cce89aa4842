"""Values of PyTorch's attention for tests/topics/test_attention.py. By hand, with training/requirements.txt installed:

python tests/reference/attention.py
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention

HEADS, T_Q, T_K, D, D_V = 3, 4, 7, 8, 5


def main():
    torch.manual_seed(0)
    draw = {"dtype": torch.float64}
    q, k, v = (
        torch.randn(HEADS, T_Q, D, **draw),
        torch.randn(HEADS, T_K, D, **draw),
        torch.randn(HEADS, T_K, D_V, **draw),
    )
    bias = torch.randn(HEADS, T_Q, T_K, **draw)
    bias[:, :, 2] = -torch.inf
    x, heads = torch.randn(T_K, HEADS * D, **draw), torch.nn.MultiheadAttention(HEADS * D, HEADS, bias=False, **draw)
    hidden = torch.ones(T_K, T_K, dtype=torch.bool).triu(1)
    with torch.no_grad():
        values = {
            "q": q, "k": k, "v": v, "bias": bias,
            "plain": scaled_dot_product_attention(q, k, v),
            "causal": scaled_dot_product_attention(q, k, v, attn_mask=causal_lower_right(T_Q, T_K)),
            "biased": scaled_dot_product_attention(q, k, v, attn_mask=bias),
            "square": scaled_dot_product_attention(k, k, v, is_causal=True),
            "x": x, "W_in": heads.in_proj_weight, "W_out": heads.out_proj.weight,
            "heads_causal": heads(x, x, x, attn_mask=hidden, need_weights=False)[0],
            "heads_both": heads(x, x, x, need_weights=False)[0],
        }  # fmt: skip
    about = f"torch {torch.__version__}, numpy {np.__version__}"
    np.savez_compressed(
        Path(__file__).with_suffix(".npz"), about=about, **{k: t.detach().numpy() for k, t in values.items()}
    )
    print(about)


if __name__ == "__main__":
    main()
