"""Decoders since LLaMA: gated feed-forward layers or mixtures of them, groups of heads, windows, latents."""

from topics.kit.errors import UnreadableError
from topics.kit.real.sheets.plan import Plan

# ---- layers like LLaMA's


def ends(p, d, V, tied, norm="model.norm", embed="model.embed_tokens", bias=False):
    p.add(f"{embed}.weight", (V, d), 1, "embedding", "lookup")
    if norm:
        p.norm(norm, d, 1, bias)
    if not tied:
        p.linear("lm_head", V, d, 1, "output")


def heads_of(f, d):
    """Query heads, key/value heads, and their width."""
    H = f.whole("num_attention_heads", "n_head")
    given = f.config.get("num_key_value_heads", 0)
    H_kv = H if given is None else f.whole("num_key_value_heads", default=H)  # null: as many as heads
    if H % H_kv:
        raise UnreadableError(f"num_attention_heads, {H}, is no multiple of num_key_value_heads, {H_kv}.")
    if f.has("head_dim") or "head_dim" in f.defaults:
        return H, H_kv, f.whole("head_dim")
    if d % H:
        raise UnreadableError(f"head_dim is missing, and {H} heads do not divide hidden_size, {d}.")
    return H, H_kv, d // H


def attention(p, n, d, H, H_kv, D, bias=False, out_bias=None, norms=None, gate=False, values=True):
    """Queries, keys, values, output of n layers; norms of queries and keys: of a head ("head") or of all of them."""
    at, part = p.at + "self_attn.", "attention"
    p.linear(at + "q_proj", (2 if gate else 1) * H * D, d, n, part, bias)
    p.linear(at + "k_proj", H_kv * D, d, n, part, bias)
    if values:
        p.linear(at + "v_proj", H_kv * D, d, n, part, bias)
    p.linear(at + "o_proj", d, H * D, n, part, bias if out_bias is None else out_bias)
    if norms:
        p.norm(at + "q_norm", D if norms == "head" else H * D, n)
        p.norm(at + "k_norm", D if norms == "head" else H_kv * D, n)


def known(types, *words, name="layer_types"):
    """A file's list of layers, which has no other words than these; or None."""
    others = sorted(set(types or ()) - set(words))
    if others:
        raise UnreadableError(f"{name} has {others[0][:40]!r}: {', '.join(words)} are read here.")
    return types


def numbered(name, layers, first, last):
    """How many layers a file lists by number, each once, from first to last."""
    whole = isinstance(layers, list) and all(isinstance(i, int) and first <= i <= last for i in layers)
    if not whole or len(set(layers)) < len(layers):
        raise UnreadableError(f"{name} is no list of different layers, of the numbers {first} to {last}.")
    return len(layers)


def _sliding(f, L, every=None):
    """For each layer, whether it sees a window only: by layer_types, else all but each `every`-th (or all of them)."""
    types = known(f.each("layer_types", L), "full_attention", "sliding_attention", "chunked_attention")
    if types:
        return [kind in ("sliding_attention", "chunked_attention") for kind in types]
    if every is None:
        return [False] * L
    return [(i + 1) % every != 0 for i in range(L)]


def _mix_windows(p, sliding, H, H_kv, D, window, kind="window"):
    p.mix(kind, sum(sliding), H, H_kv, D, window=window)
    p.mix("full", len(sliding) - sum(sliding), H, H_kv, D)


EACH_NTH_FULL = {"gemma2": 2, "gpt_oss": 2, "gemma3_text": 6, "olmo3": 4}  # unless layer_types says otherwise
ALL_IN_WINDOWS = ("mistral", "mixtral", "phi3", "phimoe")  # where the file has a window at all


def _window_of(f, kind, L):
    """Which layers see a window, and its width."""
    if kind in EACH_NTH_FULL:
        every = f.whole("sliding_window_pattern", default=EACH_NTH_FULL[kind])
        sliding, width = _sliding(f, L, every), f.whole("sliding_window", default=0, least=0)
        if any(sliding) and not width:
            raise UnreadableError(
                f"sliding_window is null or 0, but {sum(sliding)} layers of {kind} see a window only."
            )
        return sliding, width
    if kind in ALL_IN_WINDOWS:
        width = f.whole("sliding_window", default=0, least=0)
        return [width > 0] * L, width
    if not f.flag("use_sliding_window"):
        return [False] * L, 0
    first = f.whole("max_window_layers", default=0, least=0)  # Qwen's: from this layer on
    listed = f.has("layer_types")
    return (_sliding(f, L) if listed else [i >= first for i in range(L)]), f.whole("sliding_window")


NORMS_OF = {  # of a layer
    "gemma2": (
        "input_layernorm",
        "post_attention_layernorm",
        "pre_feedforward_layernorm",
        "post_feedforward_layernorm",
    ),
    "olmo2": ("post_attention_layernorm", "post_feedforward_layernorm"),
}
NORMS_OF |= {"gemma3_text": NORMS_OF["gemma2"], "gemma4_text": NORMS_OF["gemma2"], "olmo3": NORMS_OF["olmo2"]}
PLAIN_NORMS = ("input_layernorm", "post_attention_layernorm")
QK_NORMS = {
    "qwen3": "head",
    "qwen3_moe": "head",
    "gemma3_text": "head",
    "olmo2": "all",
    "olmo3": "all",
    "olmoe": "all",
    "minimax_m2": "all",
}
TIED = {"gemma", "gemma2", "gemma3_text", "gemma4_text", "smollm3"}  # unless the file says otherwise


def llama(f, kind):
    """LLaMA and what differs from it in biases, norms, windows, and in what stands in the place of its feed-forward."""
    d, L, V = f.whole("hidden_size"), f.L, f.whole("vocab_size")
    H, H_kv, D = heads_of(f, d)
    p, tied = Plan(f), f.flag("tie_word_embeddings", kind in TIED)
    biased_norms = kind == "phimoe"
    ends(p, d, V, tied, bias=biased_norms)
    if kind == "phi3":
        p.linear("model.layers.*.self_attn.qkv_proj", (H + 2 * H_kv) * D, d, L, "attention")
        p.linear("model.layers.*.self_attn.o_proj", d, H * D, L, "attention")
    else:
        bias = f.flag("attention_bias", kind in ("qwen2", "qwen2_moe", "gpt_oss"))
        out = False if kind in ("qwen2", "qwen2_moe", "glm4_moe") else None
        norms = "head" if kind == "glm4_moe" and f.flag("use_qk_norm") else QK_NORMS.get(kind)
        attention(p, L, d, H, H_kv, D, bias, out, norms)
    if kind == "gpt_oss":
        p.add("model.layers.*.self_attn.sinks", (H,), L)
    for name in NORMS_OF.get(kind, PLAIN_NORMS):
        p.norm("model.layers.*." + name, d, L, biased_norms)
    sliding, width = _window_of(f, kind, L)
    _mix_windows(p, sliding, H, H_kv, D, width or None)
    FEEDS.get(kind, dense_feeds)(p, f, kind, d, L)
    if kind == "phimoe" and f.flag("lm_head_bias"):
        p.add("lm_head.bias", (V,))
    return p.sheet(kind, "decoder", d, V, L, tied)


def dense_feeds(p, f, kind, d, L):
    bias, p.F, p.dense = f.flag("mlp_bias"), f.whole("intermediate_size"), L
    if kind == "phi3":
        p.linear("model.layers.*.mlp.gate_up_proj", 2 * p.F, d, L, "feed-forward")
        p.linear("model.layers.*.mlp.down_proj", d, p.F, L, "feed-forward")
    else:
        p.gated("model.layers.*.mlp", d, p.F, L, "feed-forward", bias)


def all_mixtures(p, f, kind, d, L):
    """Experts in every layer: Mixtral, OLMoE, Phi-3.5-MoE, gpt-oss, MiniMax-M2."""
    E, F = f.whole("num_local_experts", "num_experts"), f.whole("intermediate_size")
    k = f.whole("num_experts_per_tok", "experts_per_token")
    oss = kind == "gpt_oss"
    router = "router" if kind in ("gpt_oss", "phimoe") else "gate"
    p.linear(f"model.layers.*.mlp.{router}", E, d, L, "router", oss)
    p.mixture("model.layers.*.mlp.experts", d, F, E, k, L, turned=oss, biased=oss)
    if kind == "minimax_m2":
        p.add("model.layers.*.mlp.e_score_correction_bias", (E,), L, "router", "buffer")
    p.mixed(L, E, k, 0, d, F, 2 * F + d if oss else 0)


def qwen_mixtures(p, f, kind, d, L):
    """Qwen's: all layers but some, and in Qwen1.5 and Qwen3-Next an expert for all, behind a gate of its own."""
    E, k, F = f.whole("num_experts"), f.whole("num_experts_per_tok"), f.whole("moe_intermediate_size")
    step, plain = f.whole("decoder_sparse_step", default=1), f.config.get("mlp_only_layers") or []
    if not isinstance(plain, list):
        raise UnreadableError("mlp_only_layers is no list of layers.")
    n = sum((i + 1) % step == 0 and i not in plain for i in range(L))
    at = "model.layers.*.mlp"
    p.linear(f"{at}.gate", E, d, n, "router")
    p.mixture(f"{at}.experts", d, F, E, k, n)
    shared = kind != "qwen3_moe"
    if shared:
        p.gated(f"{at}.shared_expert", d, f.whole("shared_expert_intermediate_size"), n, "shared expert")
        p.linear(f"{at}.shared_expert_gate", 1, d, n, "router")
    p.mixed(n, E, k, int(shared), d, F)
    if n < L:
        p.F, p.dense = f.whole("intermediate_size"), L - n
        p.gated(at, d, p.F, L - n, "feed-forward")


def late_mixtures(p, f, kind, d, L):
    """DeepSeek's, Kimi's and GLM's: the first layers are dense, the others have experts for all, too."""
    first = min(L, f.whole("first_k_dense_replace", default=0, least=0))
    types = known(f.each("mlp_layer_types", L), "dense", "sparse", name="mlp_layer_types")
    dense = types.count("dense") if types else first
    E, k = f.whole("n_routed_experts", "num_experts", "num_local_experts"), None
    k = f.whole("num_experts_per_tok", "num_experts_per_token")
    F, shared, n = (
        f.whole("moe_intermediate_size"),
        f.whole("n_shared_experts", "num_shared_experts", default=0),
        L - dense,
    )
    at = "model.layers.*.mlp"
    if dense:
        p.F, p.dense = f.whole("intermediate_size"), dense
        p.gated(at, d, p.F, dense, "feed-forward")
    p.mixture(f"{at}.experts", d, F, E, k, n)
    p.linear(f"{at}.gate", E, d, n, "router")
    if kind != "deepseek_v2":
        p.add(f"{at}.gate.e_score_correction_bias", (E,), n, "router", "buffer")
    if shared:
        p.gated(f"{at}.shared_experts", d, shared * F, n, "shared expert")
    p.mixed(n, E, k, shared, d, F)


FEEDS = {
    **dict.fromkeys(("mixtral", "olmoe", "phimoe", "gpt_oss", "minimax_m2"), all_mixtures),
    **dict.fromkeys(("qwen2_moe", "qwen3_moe", "qwen3_next", "qwen3_5_moe_text"), qwen_mixtures),
    **dict.fromkeys(("glm4_moe", "kimi_linear"), late_mixtures),
}


def llama4(f, kind):
    """Llama 4: three of four layers see their chunk; the router's choice scales what an expert gets."""
    d, L, V = f.whole("hidden_size"), f.L, f.whole("vocab_size")
    H, H_kv, D = heads_of(f, d)
    p, tied = Plan(f), f.flag("tie_word_embeddings")
    ends(p, d, V, tied)
    attention(p, L, d, H, H_kv, D, f.flag("attention_bias"))
    for name in PLAIN_NORMS:
        p.norm("model.layers.*." + name, d, L)
    rotary = f.each("no_rope_layers", L, int) or [(i + 1) % f.whole("no_rope_layer_interval") for i in range(L)]
    chunk = f.whole("attention_chunk_size")
    _mix_windows(p, _sliding(f, L) if f.has("layer_types") else [bool(r) for r in rotary], H, H_kv, D, chunk, "chunk")
    step = f.whole("interleave_moe_layer_step")
    n = numbered("moe_layers", f.config["moe_layers"], 0, L - 1) if f.has("moe_layers") else L // step
    E, k, F = f.whole("num_local_experts"), f.whole("num_experts_per_tok"), f.whole("intermediate_size")
    at = "model.layers.*.feed_forward"
    p.mixture(f"{at}.experts", d, F, E, k, n, turned=True)
    p.linear(f"{at}.router", E, d, n, "router")
    p.gated(f"{at}.shared_expert", d, F, n, "shared expert")
    p.mixed(n, E, k, 1, d, F)
    if n < L:
        p.F, p.dense = f.whole("intermediate_size_mlp"), L - n
        p.gated(at, d, p.F, L - n, "feed-forward")
    return p.sheet(kind, "decoder", d, V, L, tied)


def gemma4(f, kind):
    """Gemma 4's dense models: global layers have wider heads, fewer of them, and may make values of the keys."""
    for name in ("num_kv_shared_layers", "enable_moe_block", "use_double_wide_mlp"):
        if f.config.get(name):
            raise UnreadableError(f"{name} is {f.config[name]}: Gemma 4 is read here without that.")
    d, L, V = f.whole("hidden_size"), f.L, f.whole("vocab_size")
    H, H_kv, D = heads_of(f, d)
    p, tied = Plan(f), f.flag("tie_word_embeddings", True)
    ends(p, d, V, tied)
    sliding = _sliding(f, L, 6)
    n, wide, bias = sum(sliding), f.whole("global_head_dim", default=D), f.flag("attention_bias")
    same = f.flag("attention_k_eq_v")
    few = f.whole("num_global_key_value_heads", default=H_kv) if same else H_kv
    attention(p, n, d, H, H_kv, D, bias, norms="head")
    attention(p, L - n, d, H, few, wide, bias, norms="head", values=not same)
    p.mix("window", n, H, H_kv, D, window=f.whole("sliding_window"))
    p.mix("full", L - n, H, few, wide)
    p.F, p.dense = f.whole("intermediate_size"), L
    p.gated("model.layers.*.mlp", d, p.F, L, "feed-forward")
    for name in NORMS_OF[kind]:
        p.norm("model.layers.*." + name, d, L)
    p.add("model.layers.*.layer_scalar", (1,), L, "norms and biases", "buffer")
    own = f.whole("hidden_size_per_layer_input", default=0, least=0)
    if own:  # a small embedding of its own for each layer
        p.linear("model.layers.*.per_layer_input_gate", own, d, L, "feed-forward")
        p.linear("model.layers.*.per_layer_projection", d, own, L, "feed-forward")
        p.norm("model.layers.*.post_per_layer_input_norm", d, L)
        words = f.whole("vocab_size_per_layer_input")
        p.add("model.embed_tokens_per_layer.weight", (words, L * own), 1, "embedding", "lookup")
        p.linear("model.per_layer_model_projection", L * own, d, 1, "feed-forward")
        p.norm("model.per_layer_projection_norm", own)
    return p.sheet(kind, "decoder", d, V, L, tied)


# ---- latents


def latent(p, f, n, d, picked=False):
    """MLA of n layers: queries and keys go through low ranks; the cache keeps a latent and one rotary key."""
    H, at, part = f.whole("num_attention_heads"), p.at + "self_attn.", "attention"
    nope, rope, v = f.whole("qk_nope_head_dim"), f.whole("qk_rope_head_dim"), f.whole("v_head_dim")
    rank, bias = f.whole("kv_lora_rank"), f.flag("attention_bias")
    q = f.whole("q_lora_rank", default=0) if f.has("q_lora_rank") or "q_lora_rank" not in f.config else 0
    if q:
        p.linear(at + "q_a_proj", q, d, n, part, bias)
        p.norm(at + "q_a_layernorm", q, n)
        p.linear(at + "q_b_proj", H * (nope + rope), q, n, part)
    else:
        p.linear(at + "q_proj", H * (nope + rope), d, n, part)
    p.linear(at + "kv_a_proj_with_mqa", rank + rope, d, n, part, bias)
    p.norm(at + "kv_a_layernorm", rank, n)
    p.linear(at + "kv_b_proj", H * (nope + v), rank, n, part)
    p.linear(at + "o_proj", d, H * v, n, part, bias)
    if not picked:
        p.mix("latent", n, H, H, v, latent=rank + rope, rotary=rope)
        return
    heads, width = f.whole("index_n_heads"), f.whole("index_head_dim")
    p.linear(at + "indexer.wq_b", heads * width, q, n, part)
    p.linear(at + "indexer.wk", width, d, n, part)
    p.norm(at + "indexer.k_norm", width, n, bias=True)
    p.linear(at + "indexer.weights_proj", heads, d, n, part)
    p.mix(
        "picked",
        n,
        H,
        H,
        v,
        picks=f.whole("index_topk"),
        asks=heads * width,
        latent=rank + rope,
        rotary=rope,
        index=width,
    )


def deepseek(f, kind):
    """DeepSeek-V2, V3, V3.2, Kimi K2, GLM-5."""
    d, L, V = f.whole("hidden_size"), f.L, f.whole("vocab_size")
    p, tied, picked = Plan(f), f.flag("tie_word_embeddings"), kind in ("deepseek_v32", "glm_moe_dsa")
    kinds = f.config.get("indexer_types") or []
    if not isinstance(kinds, list):
        raise UnreadableError("indexer_types is no list.")
    if "shared" in kinds:
        raise UnreadableError("indexer_types shares an indexer between layers: that is not read here.")
    ends(p, d, V, tied)
    latent(p, f, L, d, picked)
    for name in PLAIN_NORMS:
        p.norm("model.layers.*." + name, d, L)
    late_mixtures(p, f, kind, d, L)
    return p.sheet(kind, "decoder", d, V, L, tied)
