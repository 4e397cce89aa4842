"""A sheet by hand: matrices of a config.json like LLaMA's, what they cost, and what its cache keeps.

V words   d width   L layers   H query heads   H_kv key/value heads of width D   F hidden width   T tokens
N parameters that a token passes   E experts, k of them for a token   b bytes a cached number
A FLOP is one addition or one multiplication, so a multiply-add is two. The kit reads other families' files in the same
way (topics/kit/real/sheets).
"""

import re

import numpy as np


def llama_matrices(config):
    """{name: (shape, how many)} of a model like LLaMA's, from its config.json as a dict; * is a layer's number.

    >>> llama_matrices({"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
    ...                 "intermediate_size": 20, "vocab_size": 100})["layers.*.self_attn.k_proj"]
    ((4, 8), 2)
    """
    d, L, V, F = (config[name] for name in ("hidden_size", "num_hidden_layers", "vocab_size", "intermediate_size"))
    H = config["num_attention_heads"]
    H_kv = config.get("num_key_value_heads", H)
    D = config.get("head_dim", d // H)
    matrices = {
        "embed_tokens": ((V, d), 1),
        "layers.*.self_attn.q_proj": ((H * D, d), L),
        "layers.*.self_attn.k_proj": ((H_kv * D, d), L),
        "layers.*.self_attn.v_proj": ((H_kv * D, d), L),
        "layers.*.self_attn.o_proj": ((d, H * D), L),
        "layers.*.mlp.gate_proj": ((F, d), L),
        "layers.*.mlp.up_proj": ((F, d), L),
        "layers.*.mlp.down_proj": ((d, F), L),
        "layers.*.input_layernorm": ((d,), L),
        "layers.*.post_attention_layernorm": ((d,), L),
        "norm": ((d,), 1),
    }
    if not config.get("tie_word_embeddings"):
        matrices["lm_head"] = ((V, d), 1)
    return matrices


def parameters(matrices):
    """All numbers of {name: (shape, how many)} (eq:count).

    >>> parameters({"a": ((2, 3), 4), "b": ((5,), 1)})
    29
    """
    total = 0
    for shape, count in matrices.values():
        numbers = count
        for length in shape:
            numbers *= length
        total += numbers
    return total


def pairs_flops(T, L, H, D):
    """FLOP of scoring and mixing for one token that meets T, in L layers of full attention (eq:pairs).

    >>> pairs_flops(T=1000, L=32, H=32, D=128)   # Llama-3.1-8B: half a GFLOP
    524288000
    """
    return 4 * L * H * D * T


def training_flops(N, T, L, H, D):
    """FLOP a token in training on texts of T tokens, of which token t meets t (eq:training).

    >>> training_flops(N=1000, T=1, L=1, H=1, D=1)   # 6 a parameter, and 12 for the one pair
    6012.0
    """
    return 6 * N + 3 * pairs_flops((T + 1) / 2, L, H, D)


def cache_numbers(T, layers):
    """Numbers kept of a text of T tokens (eq:cache). layers: a list of (how many, kind, size, window).

    kind "token" keeps `size` numbers of each of the last `window` tokens (None: of all); "text" keeps `size` in all.

    >>> cache_numbers(1000, [(2, "token", 16, None), (10, "token", 16, 128), (3, "text", 4096, None)])
    64768
    """
    total = 0
    for n, kind, size, window in layers:
        tokens = min(T, window or T)
        total += n * size * (tokens if kind == "token" else 1)
    return total


# ---- FLOP counted while numpy computes


def counted_flops(run):
    """FLOP of all products of sums (einsum) that run() makes numpy do, two a multiply-add, and what run() returns.

    >>> counted_flops(lambda: np.einsum("ij,j->i", np.ones((3, 5)), np.ones(5)).tolist())
    (30, [5.0, 5.0, 5.0])
    """
    real, flops = np.einsum, 0

    def watched(subscripts, *operands, **options):
        nonlocal flops
        if all(isinstance(each, np.ndarray) for each in operands):  # of autograd's tensors, the arrays within come next
            flops += 2 * multiplications(subscripts, [each.shape for each in operands])
        return real(subscripts, *operands, **options)

    np.einsum = watched
    try:
        returned = run()
    finally:
        np.einsum = real
    return flops, returned


def multiplications(subscripts, shapes):
    """How many multiplications an einsum of two arrays takes: the product of all of its lengths.

    >>> multiplications("...i,oi->...o", [(7, 3), (5, 3)])
    105
    """
    lengths = {}
    for letters, shape in zip(re.split(",|->", subscripts), shapes, strict=False):
        named = letters.replace("...", "")
        extra = len(shape) - len(named)
        lengths |= {("…", i): n for i, n in enumerate(shape[:extra])} | dict(zip(named, shape[extra:], strict=True))
    total = 1
    for length in lengths.values():
        total *= length
    return total
