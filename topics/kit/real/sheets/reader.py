"""Reads a config.json: which matrices a model of its model_type has. Names and shapes are those of transformers 5.24.

tests/kit/test_sheets.py holds every name, shape and count against what transformers builds of the same files.
"""

from topics.kit.errors import UnreadableError
from topics.kit.real.sheets import before_llama, hybrids, since_llama
from topics.kit.real.sheets.architectures import SAME_AS, facts_of
from topics.kit.real.sheets.defaults import DEFAULTS
from topics.kit.real.sheets.fields import Fields, text_part
from topics.kit.real.sheets.plan import Plan

READERS = {
    "bert": before_llama.bert,
    "roberta": before_llama.bert,
    "gpt2": before_llama.gpt2,
    "opt": before_llama.opt,
    "gpt_neox": before_llama.neox,
    "t5": before_llama.t5,
    **dict.fromkeys(
        ("llama", "mistral", "mixtral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "phi3", "phimoe", "gemma", "gemma2",
         "gemma3_text", "olmo2", "olmo3", "olmoe", "smollm3", "granite", "glm4_moe", "gpt_oss", "minimax_m2"),
        since_llama.llama,
    ),
    "llama4_text": since_llama.llama4,
    "gemma4_text": since_llama.gemma4,
    **dict.fromkeys(("deepseek_v2", "deepseek_v3", "deepseek_v32", "glm_moe_dsa"), since_llama.deepseek),
    **dict.fromkeys(("qwen3_next", "qwen3_5_text", "qwen3_5_moe_text"), hybrids.qwen_hybrid),
    "kimi_linear": hybrids.kimi_linear,
    "mamba": hybrids.mamba,
    "mamba2": hybrids.mamba,
    "nemotron_h": hybrids.nemotron,
    "granitemoehybrid": hybrids.granite_hybrid,
    "jamba": hybrids.jamba,
}  # fmt: skip


def read(config):
    """The sheet of a model, from its config.json as a dict. Raises UnreadableError with the name of what is wrong.

    >>> read({"model_type": "llama"}).parameters   # transformers' defaults are LLaMA-7B's
    6738415616
    """
    inner, nested = text_part(config)
    kind = inner.get("model_type", config.get("model_type"))
    if kind is not None and not isinstance(kind, str):
        raise UnreadableError("model_type is no text.")
    kind = SAME_AS.get(kind, kind)
    sheet = READERS[kind](Fields(inner, DEFAULTS.get(kind)), kind) if kind in READERS else _unknown(Fields(inner), kind)
    return sheet._replace(facts=facts_of(kind, inner), notes=(*sheet.notes, *_beside(config, inner, nested)))


def _beside(config, inner, nested):
    """What a file says that is not counted."""
    if nested:
        yield f"Read is {nested}, the language part: what sees or hears is not counted."
        whole, part = (SAME_AS.get(str(each), each) for each in (config.get("model_type"), inner.get("model_type")))
        if whole and part and whole != part:
            whole, part = str(whole)[:40], part[:40]
            yield f"The whole's model_type, {whole!r}, is not read: taken as {part!r} alone, it is an estimate."
    if inner.get("num_nextn_predict_layers") or inner.get("num_mtp_layers"):
        yield "Layers that guess further tokens (num_nextn_predict_layers) are not counted."
    quantized = config.get("quantization_config") or inner.get("quantization_config")
    if isinstance(quantized, dict):
        how = str(quantized.get("quant_method", "some format"))[:20]
        yield f"The file says that weights are stored in {how}; the scales of that are not counted."


# ---- a model_type that is not known

OTHER_FILES = {  # a field that tells which file this is instead
    "peft_type": "an adapter's (adapter_config.json)",
    "tokenizer_class": "a tokenizer's (tokenizer_config.json)",
    "weight_map": "the index of a model's weights (model.safetensors.index.json)",
    "do_sample": "the settings of drawing words (generation_config.json)",
}
LEAST = "hidden_size", "num_hidden_layers"
OTHER_NAMES = {
    "hidden_size": ("n_embd", "n_embed", "d_model", "dim"),
    "num_hidden_layers": ("n_layer", "num_layers", "n_layers"),
    "num_attention_heads": ("n_head", "n_heads", "num_heads"),
    "intermediate_size": ("n_inner", "ffn_dim", "d_ff", "hidden_dim"),
}
NO_LLAMA_S = (  # fields, or how they begin, that make a model another than a LLaMA
    "kv_lora_rank", "multi_query", "is_encoder_decoder", "n_shared_experts", "num_shared_experts", "shared_expert_",
    "first_k_dense_", "num_kv_shared_", "layer_types", "layers_block_type", "hybrid_", "sliding_window", "mamba_",
    "linear_", "ssm_", "state_size", "index_", "compress_", "global_attn_", "local_attention", "num_hidden_groups",
    "attn_layer_", "relative_attention_", "type_vocab_size", "parallel_attn", "new_decoder_architecture",
)  # fmt: skip


def _named(config):
    """A config with the names that LLaMA's has, where it has others for them."""
    found = dict(config)
    for name, others in OTHER_NAMES.items():
        there = [config[other] for other in others if config.get(other) is not None]
        if config.get(name) is None and there:
            found[name] = there[0]
    return found


def _unknown(f, kind):
    """A reading as of a LLaMA, part by part: what a part needs and lacks is told by name, and the rest is counted."""
    f = Fields(_named(f.config))
    lacking = [name for name in LEAST if not f.has(name)]
    called = f"The model_type {kind[:40]!r}" if kind else "A file without model_type"
    if lacking:
        are = "are" if len(lacking) > 1 else "is"
        other = "".join(f" It looks like {what}." for name, what in OTHER_FILES.items() if name in f.config)
        raise UnreadableError(
            f"{called} is not known here, and {' and '.join(lacking)} {are} missing: nothing is counted.{other}"
        )
    d, L, p = f.whole("hidden_size"), f.L, Plan(f)
    tied, left = f.flag("tie_word_embeddings"), []
    V = 0

    def part(what, add):
        try:
            add()
        except UnreadableError as fault:
            left.append(f"{what}. {fault}")

    def embeddings():
        nonlocal V
        V = f.whole("vocab_size")
        since_llama.ends(p, d, V, tied)

    def attention():
        H, H_kv, D = since_llama.heads_of(f, d)
        since_llama.attention(p, L, d, H, H_kv, D, f.flag("attention_bias"))
        p.mix("full", L, H, H_kv, D)

    def feeds():
        names = ("num_experts", "num_local_experts", "n_routed_experts")
        if any(f.config.get(name) for name in names):
            E, F = f.whole(*names), f.whole("moe_intermediate_size", "intermediate_size")
            k = f.whole("num_experts_per_tok", "num_experts_per_token", "experts_per_token", "moe_topk")
            p.mixture("model.layers.*.mlp.experts", d, F, E, k, L)
            p.linear("model.layers.*.mlp.gate", E, d, L, "router")
            p.mixed(L, E, k, 0, d, F)
            p.notes.append("It has experts: every layer is taken to be a mixture, without an expert for all.")
        else:
            since_llama.dense_feeds(p, f, kind, d, L)

    part("embedding and output", embeddings)
    part("attention", attention)
    part("feed-forward", feeds)
    for name in since_llama.PLAIN_NORMS:
        p.norm("model.layers.*." + name, d, L)
    others = [name for name in f.config if name.startswith(NO_LLAMA_S) and f.config[name]]
    told = f"{called} is not known here. Read is what a LLaMA with these fields would be: an estimate."
    if others:
        told += f" These fields say that it is another, and are not read: {', '.join(others)[:300]}."
    p.notes[:0] = [told, *(f"Left out: {each}" for each in left)]
    return p.sheet(kind or "unknown", "decoder", d, V, L, tied)
