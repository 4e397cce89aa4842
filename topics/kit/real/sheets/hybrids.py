"""Models with layers that keep a state in the place of a cache: DeltaNet, Mamba, and their hybrids with attention."""

from topics.kit.errors import UnreadableError
from topics.kit.real.sheets.fields import Fields
from topics.kit.real.sheets.plan import Plan
from topics.kit.real.sheets.since_llama import (
    PLAIN_NORMS,
    attention,
    dense_feeds,
    ends,
    heads_of,
    known,
    late_mixtures,
    latent,
    numbered,
    qwen_mixtures,
)


def qwen_hybrid(f, kind):
    """Qwen3-Next and Qwen3.5: gated DeltaNet in three of four layers, gated attention in the fourth."""
    d, L, V = f.whole("hidden_size"), f.L, f.whole("vocab_size")
    H, H_kv, D = heads_of(f, d)
    p, tied = Plan(f), f.flag("tie_word_embeddings")
    types = known(f.each("layer_types", L), "full_attention", "linear_attention")
    every = f.whole("full_attention_interval", default=4)
    n = types.count("linear_attention") if types else sum((i + 1) % every != 0 for i in range(L))
    ends(p, d, V, tied)
    at, part = "model.layers.*.linear_attn.", "linear attention"
    H_k, H_v = f.whole("linear_num_key_heads"), f.whole("linear_num_value_heads")
    D_k, D_v, filt = f.whole("linear_key_head_dim"), f.whole("linear_value_head_dim"), f.whole("linear_conv_kernel_dim")
    keys, values = H_k * D_k, H_v * D_v
    p.add(at + "dt_bias", (H_v,), n)
    p.add(at + "A_log", (H_v,), n)
    p.add(at + "conv1d.weight", (2 * keys + values, 1, filt), n, part, "product")
    fused = (("qkvz", 2 * keys + 2 * values), ("ba", 2 * H_v))
    apart = (("qkv", 2 * keys + values), ("z", values), ("b", H_v), ("a", H_v))
    for name, out in fused if kind == "qwen3_next" else apart:
        p.linear(f"{at}in_proj_{name}", out, d, n, part)
    p.norm(at + "norm", D_v, n)
    p.linear(at + "out_proj", d, values, n, part)
    attention(p, L - n, d, H, H_kv, D, f.flag("attention_bias"), norms="head", gate=True)
    for name in PLAIN_NORMS:
        p.norm("model.layers.*." + name, d, L)
    p.mix("full", L - n, H, H_kv, D)
    matrix = H_v * D_k * D_v
    # besides the matrix, the last inputs of the filter: vLLM keeps filt - 1 of them, transformers filt
    p.mix("delta", n, H_v, H_k, D_v, matrix, state=matrix + (filt - 1) * (2 * keys + values))
    (dense_feeds if kind == "qwen3_5_text" else qwen_mixtures)(p, f, kind, d, L)
    return p.sheet(kind, "decoder", d, V, L, tied)


BEYOND_KIMI_LINEAR = "routed_expert_hidden_size", "use_full_rank_gate", "mla_use_output_gate", "attn_res_block_size"


def kimi_linear(f, kind):
    """Kimi Linear: DeltaNet whose memory fades channel by channel in three of four layers, MLA in the fourth."""
    d, L, V = f.whole("hidden_size"), f.L, f.whole("vocab_size")
    for name in BEYOND_KIMI_LINEAR:
        if f.config.get(name):
            raise UnreadableError(f"{name} is set, as in Kimi K3: its shapes are others, and are not read here.")
    listed = f.config.get("linear_attn_config") or {}
    if not isinstance(listed, dict):
        raise UnreadableError("linear_attn_config is no list of names and values.")
    inner = Fields(listed, {})
    H = inner.whole("num_heads", default=None) if inner.has("num_heads") else f.whole("linear_num_heads")
    D = inner.whole("head_dim") if inner.has("head_dim") else f.whole("linear_head_dim")
    filt = (
        inner.whole("short_conv_kernel_size")
        if inner.has("short_conv_kernel_size")
        else f.whole("linear_conv_kernel_dim")
    )
    types, p = known(f.each("layer_types", L), "full_attention", "linear_attention"), Plan(f)
    if inner.has("full_attn_layers"):
        m = numbered("full_attn_layers", inner.config["full_attn_layers"], 1, L)
    else:
        m = types.count("full_attention") if types else L // 4
        if not types:
            p.notes.append("The file does not list its layers of full attention: each fourth is taken for one.")
    n, tied = L - m, f.flag("tie_word_embeddings")
    ends(p, d, V, tied)
    at, part, wide = "model.layers.*.self_attn.", "linear attention", H * D
    for name in ("q_proj", "k_proj", "v_proj"):
        p.linear(at + name, wide, d, n, part)
    p.add(at + "conv1d.weight", (3 * wide, 1, filt), n, part, "product")
    p.add(at + "forget_gate.dt_bias", (wide,), n)
    p.add(at + "forget_gate.A_log", (1, 1, H, 1), n)
    p.linear(at + "forget_gate.f_a_proj", D, d, n, part)
    p.linear(at + "forget_gate.f_b_proj", wide, D, n, part)
    p.linear(at + "b_proj", H, d, n, part)
    p.linear(at + "g_a_proj", D, d, n, part)
    p.linear(at + "g_b_proj", wide, D, n, part)
    p.norm(at + "o_norm", D, n)
    p.linear(at + "o_proj", d, wide, n, part)
    latent(p, f, m, d)
    for name in PLAIN_NORMS:
        p.norm("model.layers.*." + name, d, L)
    p.mix("delta", n, H, H, D, H * D * D, state=H * D * D + (filt - 1) * 3 * wide)
    late_mixtures(p, f, kind, d, L)
    return p.sheet(kind, "decoder", d, V, L, tied)


# ---- Mamba


def mamba_1(p, at, d, n, f, names, norms=False):
    """Mamba's first form: each of the inner channels keeps N numbers."""
    N, filt, expand = (f.whole(name) for name in names)
    part, wide = "state space", expand * d
    given = f.config.get("mamba_dt_rank", f.config.get("time_step_rank"))
    rank = given if isinstance(given, int) and given > 0 else -(-d // 16)
    p.add(at + "A_log", (wide, N), n)
    p.add(at + "D", (wide,), n)
    p.add(at + "conv1d.weight", (wide, 1, filt), n, part, "product")
    if f.flag("mamba_conv_bias" if norms else "use_conv_bias", True):
        p.add(at + "conv1d.bias", (wide,), n)
    bias = f.flag("mamba_proj_bias" if norms else "use_bias")
    p.linear(at + "in_proj", 2 * wide, d, n, part, bias)
    p.linear(at + "x_proj", rank + 2 * N, wide, n, part)
    p.linear(at + "dt_proj", wide, rank, n, part, True)
    p.linear(at + "out_proj", d, wide, n, part, bias)
    if norms:
        for name, width in (("dt", rank), ("b", N), ("c", N)):
            p.norm(f"{at}{name}_layernorm", width, n)
    p.mix("ssm", n, wide, wide, 1, wide * N, state=wide * N + (filt - 1) * wide)


def mamba_2(p, at, d, n, H, D, N, groups, filt, conv_bias=True, bias=False):
    """Mamba-2: H heads keep a matrix of D times N numbers; groups of heads share the vectors that write and read."""
    part, wide = "state space", H * D
    mixed = wide + 2 * groups * N
    for name in ("dt_bias", "A_log", "D"):
        p.add(at + name, (H,), n)
    p.add(at + "conv1d.weight", (mixed, 1, filt), n, part, "product")
    if conv_bias:
        p.add(at + "conv1d.bias", (mixed,), n)
    p.linear(at + "in_proj", wide + mixed + H, d, n, part, bias)
    p.norm(at + "norm", wide, n)
    p.linear(at + "out_proj", d, wide, n, part, bias)
    p.mix("ssm", n, H, groups, D, wide * N, state=wide * N + (filt - 1) * mixed)


def mamba(f, kind):
    """Mamba and Mamba-2: no attention, no feed-forward."""
    d, L, V = f.whole("hidden_size", "d_model"), f.L, f.whole("vocab_size")
    p, tied = Plan(f), f.flag("tie_word_embeddings", kind == "mamba")
    ends(p, d, V, tied, "backbone.norm_f", "backbone.embeddings")
    p.norm("backbone.layers.*.norm", d, L)
    at = "backbone.layers.*.mixer."
    if kind == "mamba":
        mamba_1(p, at, d, L, f, ("state_size", "conv_kernel", "expand"))
    else:
        H, D = f.whole("num_heads"), f.whole("head_dim")
        if f.whole("expand") * d != H * D:
            raise UnreadableError(f"num_heads times head_dim, {H * D}, is not expand times hidden_size, {d}.")
        mamba_2(
            p,
            at,
            d,
            L,
            H,
            D,
            f.whole("state_size"),
            f.whole("n_groups"),
            f.whole("conv_kernel"),
            f.flag("use_conv_bias", True),
            f.flag("use_bias"),
        )
    return p.sheet(kind, "decoder", d, V, L, tied)


LETTERS = {"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"}
NEMOTRON = LETTERS | {"linear_attention": "mamba", "full_attention": "attention"} | {w: w for w in LETTERS.values()}


def nemotron(f, kind):
    """Nemotron-H: a layer is one thing, Mamba-2, attention or a feed-forward part of two matrices."""
    d, V = f.whole("hidden_size"), f.whole("vocab_size")
    pattern = f.config.get("hybrid_override_pattern") or f.config.get("layers_block_type") or ""
    if not isinstance(pattern, str | list) or not all(isinstance(letter, str) for letter in pattern):
        raise UnreadableError("hybrid_override_pattern is no text, nor is it a list of texts.")
    things = [NEMOTRON.get(letter) for letter in pattern]
    L, p, tied, at = len(things), Plan(f), f.flag("tie_word_embeddings"), "model.layers.*.mixer."
    if not things or None in things:
        raise UnreadableError("hybrid_override_pattern is missing or has other letters than M, *, - and E.")
    if f.has("num_hidden_layers") and f.L != L:
        raise UnreadableError(f"num_hidden_layers is {f.L}, but hybrid_override_pattern has {L} layers.")
    if "moe" in things:
        raise UnreadableError("hybrid_override_pattern has mixtures, E: they are not read here.")
    ends(p, d, V, tied, "model.norm_f", "model.embeddings")
    p.norm("model.layers.*.norm", d, L)
    n, m, p.dense = things.count("mamba"), things.count("attention"), things.count("mlp")
    mamba_2(
        p,
        at,
        d,
        n,
        f.whole("mamba_num_heads"),
        f.whole("mamba_head_dim"),
        f.whole("ssm_state_size"),
        f.whole("n_groups"),
        f.whole("conv_kernel"),
        f.flag("use_conv_bias", True),
        f.flag("mamba_proj_bias"),
    )
    H, H_kv, D = heads_of(f, d)
    for name, heads in (("q_proj", H), ("k_proj", H_kv), ("v_proj", H_kv)):
        p.linear(at + name, heads * D, d, m, "attention", f.flag("attention_bias"))
    p.linear(at + "o_proj", d, H * D, m, "attention", f.flag("attention_bias"))
    p.mix("full", m, H, H_kv, D)
    p.F, p.feeds = f.whole("intermediate_size"), 2
    p.linear(at + "up_proj", p.F, d, p.dense, "feed-forward", f.flag("mlp_bias"))
    p.linear(at + "down_proj", d, p.F, p.dense, "feed-forward", f.flag("mlp_bias"))
    return p.sheet(kind, "decoder", d, V, L, tied)


def granite_hybrid(f, kind):
    """Granite 4: Mamba-2 and a few layers of attention without positions, each with experts and one for all."""
    d, L, V = f.whole("hidden_size"), f.L, f.whole("vocab_size")
    p, tied = Plan(f), f.flag("tie_word_embeddings")
    types = f.each("layer_types", L) or f.each("layers_block_type", L) or ["mamba"] * L
    known(types, "mamba", "linear_attention", "attention", "full_attention")
    n = sum(kind in ("mamba", "linear_attention") for kind in types)
    ends(p, d, V, tied)
    for name in PLAIN_NORMS:
        p.norm("model.layers.*." + name, d, L)
    if n:
        H = f.whole("mamba_n_heads")
        D = f.config.get("mamba_d_head")
        D = D if isinstance(D, int) else f.whole("mamba_expand") * d // H
        mamba_2(
            p,
            "model.layers.*.mamba.",
            d,
            n,
            H,
            D,
            f.whole("mamba_d_state"),
            f.whole("mamba_n_groups"),
            f.whole("mamba_d_conv"),
            f.flag("mamba_conv_bias", True),
            f.flag("mamba_proj_bias"),
        )
    H, H_kv, D = heads_of(f, d)
    attention(p, L - n, d, H, H_kv, D, f.flag("attention_bias"))
    p.mix("full", L - n, H, H_kv, D)
    E, wide = f.whole("num_local_experts", least=0), f.whole("shared_intermediate_size")
    part = "shared expert" if E else "feed-forward"
    p.linear("model.layers.*.shared_mlp.input_linear", 2 * wide, d, L, part)
    p.linear("model.layers.*.shared_mlp.output_linear", d, wide, L, part)
    if E:
        F, k = f.whole("intermediate_size"), f.whole("num_experts_per_tok")
        p.linear("model.layers.*.block_sparse_moe.router", E, d, L, "router")
        p.mixture("model.layers.*.block_sparse_moe.experts", d, F, E, k, L)
        p.mixed(L, E, k, 1, d, F)
    else:
        p.F, p.dense = wide, L
    return p.sheet(kind, "decoder", d, V, L, tied)


def jamba(f, kind):
    """Jamba: attention in each eighth layer, Mamba in the others; a mixture in each second."""
    d, L, V = f.whole("hidden_size"), f.L, f.whole("vocab_size")
    p, tied = Plan(f), f.flag("tie_word_embeddings")
    m = sum(i % f.whole("attn_layer_period") == f.whole("attn_layer_offset", least=0) for i in range(L))
    E = f.whole("num_experts")
    spread = (i % f.whole("expert_layer_period") == f.whole("expert_layer_offset", least=0) for i in range(L))
    n = sum(spread) if E > 1 else 0
    ends(p, d, V, tied, "model.final_layernorm")
    for name in ("input_layernorm", "pre_ff_layernorm"):
        p.norm("model.layers.*." + name, d, L)
    mamba_1(p, "model.layers.*.mamba.", d, L - m, f, ("mamba_d_state", "mamba_d_conv", "mamba_expand"), norms=True)
    H, H_kv, D = heads_of(f, d)
    attention(p, m, d, H, H_kv, D)
    p.mix("full", m, H, H_kv, D)
    at, p.F, p.dense = "model.layers.*.feed_forward", f.whole("intermediate_size"), L - n
    p.gated(at, d, p.F, L - n, "feed-forward")
    if n:
        k = f.whole("num_experts_per_tok")
        p.linear(f"{at}.router", E, d, n, "router")
        p.mixture(f"{at}.experts", d, p.F, E, k, n)
        p.mixed(n, E, k, 0, d, p.F)
    return p.sheet(kind, "decoder", d, V, L, tied)
