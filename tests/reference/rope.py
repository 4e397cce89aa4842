"""Values of PyTorch and Hugging Face's transformers for tests/topics/test_rope.py. By hand, with
training/requirements.txt and transformers installed:

python tests/reference/rope.py
"""

from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.gptj.modeling_gptj import apply_rotary_pos_emb as apply_interleaved
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

SHAPES = [
    (16, 1e4, 128, 2.0),
    (64, 1e4, 4096, 40.0),
    (64, 1.5e5, 4096, 32.0),
    (128, 1e4, 4096, 8.0),
    (128, 5e5, 8192, 8.0),
]
KINDS = {
    "linear": {},
    "dynamic": {},
    "yarn": {"beta_fast": 32.0, "beta_slow": 1.0},
    "yarn_exact": {"rope_type": "yarn", "beta_fast": 32.0, "beta_slow": 1.0, "truncate": False},
    "llama3": {"low_freq_factor": 1.0, "high_freq_factor": 4.0},
}
T, H, D = 6, 2, 16


def config(D, base, C, **parameters):
    return LlamaConfig(
        hidden_size=D,
        num_attention_heads=1,
        head_dim=D,
        max_position_embeddings=C,
        rope_parameters={"rope_theta": base, "original_max_position_embeddings": C, **parameters},
    )


def scaled(kind, D, base, C, f):
    """Frequencies (D/2,) in FP32 and the factor on queries and keys. Their "dynamic" is NTK-aware scaling: at factor 1
    and a text of f·C tokens, by exactly f."""
    dynamic = kind == "dynamic"
    parameters = {"rope_type": kind, "factor": 1.0 if dynamic else f, **KINDS[kind]}
    made = config(D, base, C, **parameters)
    theta, factor = ROPE_INIT_FUNCTIONS[parameters["rope_type"]](made, seq_len=int(f * C) if dynamic else None)
    return np.append(theta.numpy().astype(float), factor)


def main():
    torch.manual_seed(0)
    values = {
        f"{kind}-{D}-{base:.0f}-{C}-{f:.0f}": scaled(kind, D, base, C, f) for kind in KINDS for D, base, C, f in SHAPES
    }
    q, k = torch.randn(2, 1, H, T, D, dtype=torch.float64)  # (1, H, T, D) each
    angles = torch.arange(T, dtype=torch.float64)[:, None] * 1e4 ** (-torch.arange(0, D, 2, dtype=torch.float64) / D)
    twice = torch.cat([angles, angles], -1)[None]  # (1, T, D)
    values["half_q"], values["half_k"] = apply_rotary_pos_emb(q, k, twice.cos(), twice.sin())
    values["interleaved_q"], values["interleaved_k"] = (
        apply_interleaved(x.transpose(1, 2), angles.sin()[None], angles.cos()[None]).transpose(1, 2) for x in (q, k)
    )
    turns = torch.polar(torch.ones_like(angles), angles)  # the way of Meta's code
    pairs = torch.view_as_complex(q.reshape(1, H, T, D // 2, 2))
    values["complex_q"] = torch.view_as_real(pairs * turns).flatten(-2)
    plain = LlamaRotaryEmbedding(config(D, 1e4, 128, rope_type="default"))
    values["cos"], values["sin"] = plain(q.float(), torch.arange(T)[None])
    values |= {"q": q, "k": k, "angles": angles}
    about = f"torch {torch.__version__}, transformers {transformers.__version__}, numpy {np.__version__}"
    np.savez_compressed(
        Path(__file__).with_suffix(".npz"), about=about, **{name: np.asarray(x) for name, x in values.items()}
    )
    print(about)


if __name__ == "__main__":
    main()
