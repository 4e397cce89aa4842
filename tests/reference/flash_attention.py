"""Values of PyTorch's attention, forward and backward, for tests/topics/test_flash_attention.py. By hand, with
training/requirements.txt installed:

python tests/reference/flash_attention.py

`flash` and `lse` come from PyTorch's own FlashAttention kernel for CPUs; all gradients from its autograd.
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention

HEADS, T_Q, T_K, D = 2, 9, 13, 8


def main():
    torch.manual_seed(0)
    draw = {"dtype": torch.float64}
    q, k, v = (torch.randn(1, HEADS, T, D, **draw).requires_grad_() for T in (T_Q, T_K, T_K))
    dy = torch.randn(1, HEADS, T_Q, D, **draw)
    values = {"q": q, "k": k, "v": v, "dy": dy}
    for name, mask in (("plain", None), ("causal", causal_lower_right(T_Q, T_K))):
        y = scaled_dot_product_attention(q, k, v, attn_mask=mask)
        values[name] = y
        for wrt, gradient in zip("qkv", torch.autograd.grad(y, (q, k, v), dy), strict=True):
            values[f"{name}_d{wrt}"] = gradient
    values["flash"], values["lse"] = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v)
    square = [k, k.flip(2), v]  # as many queries as keys: what the kernel's causal mask is made for
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        y = scaled_dot_product_attention(*square, is_causal=True)
    values["square"] = y
    values["square_lse"] = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(*square, is_causal=True)[1]
    about = f"torch {torch.__version__}, numpy {np.__version__}"
    arrays = {name: value.detach().numpy()[0] for name, value in values.items()}
    np.savez_compressed(Path(__file__).with_suffix(".npz"), about=about, **arrays)
    print(about, {name: array.shape for name, array in arrays.items()})


if __name__ == "__main__":
    main()
