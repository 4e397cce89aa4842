"""What is the same in all models of a model_type: where norms stand, activations, positions. Plain data."""

SAME_AS = {  # model_types that are read as another one's
    "kimi_k2": "deepseek_v3",
    "llama4": "llama4_text",
    "gemma3": "gemma3_text",
    "gemma4": "gemma4_text",
    "mistral3": "mistral",
    "qwen3_5": "qwen3_5_text",
    "qwen3_5_moe": "qwen3_5_moe_text",
    "xlm-roberta": "roberta",
}

AFTER, BEFORE = "LayerNorm after each part", "LayerNorm before each part"
RMS = "RMSNorm before each part"
AT_ONCE = "both at once"  # attention and feed-forward read the same stream
ONE_THING = "RMSNorm before each layer"  # a layer is one part: a mixer, or a feed-forward part
ROUND = "RMSNorm before and after each part"
LEARNT, ROTARY = "learnt, added to the embedding", "rotary"
SWIGLU = "SiLU, with a gate"
GEGLU = "GELU, with a gate"


def _facts(norm, activation, positions):
    return {"norms": norm, "activation": activation, "positions": positions}


_TODAY = _facts(RMS, SWIGLU, ROTARY)
_NORMED = _facts(RMS + ", and of queries and keys", SWIGLU, ROTARY)
FACTS = {
    "bert": _facts(AFTER, "GELU", LEARNT),
    "roberta": _facts(AFTER, "GELU", LEARNT),
    "gpt2": _facts(BEFORE, "GELU", LEARNT),
    "opt": _facts(BEFORE, "ReLU", LEARNT),
    "gpt_neox": _facts(f"{BEFORE}, {AT_ONCE}", "GELU", "rotary, a quarter of each head"),
    "t5": _facts(RMS, "ReLU (T5 1.1: GELU, with a gate)", "a number for each distance, added to scores"),
    **dict.fromkeys(("llama", "mistral", "mixtral", "qwen2", "qwen2_moe", "phi3", "granite"), _TODAY),
    "phimoe": _facts(BEFORE, SWIGLU, ROTARY),
    **dict.fromkeys(("qwen3", "qwen3_moe", "olmoe", "minimax_m2", "glm4_moe"), _NORMED),
    "glm4_moe": _facts(RMS + "; in GLM-4.5 of queries and keys, too", SWIGLU, "rotary, half of each head"),
    "minimax_m2": _facts(RMS + ", and of queries and keys", SWIGLU, "rotary, half of each head"),
    **dict.fromkeys(
        ("deepseek_v2", "deepseek_v3", "deepseek_v32", "glm_moe_dsa"),
        _facts(RMS, SWIGLU, "rotary, on numbers of its own"),
    ),
    "smollm3": _facts(RMS, SWIGLU, "rotary in three of four layers, none in the fourth"),
    "gemma": _facts(RMS, GEGLU, ROTARY),
    "gemma2": _facts(ROUND, GEGLU, ROTARY),
    "gemma3_text": _facts(ROUND + ", and of queries and keys", GEGLU, "rotary, slower in global layers"),
    "gemma4_text": _facts(ROUND + ", and of queries and keys", GEGLU, "rotary, slower in global layers"),
    "olmo2": _facts("RMSNorm after each part, and of queries and keys", SWIGLU, ROTARY),
    "olmo3": _facts("RMSNorm after each part, and of queries and keys", SWIGLU, ROTARY),
    "gpt_oss": _facts(RMS, "SiLU, clipped, with a gate", ROTARY),
    "llama4_text": _facts(
        RMS + ", and of queries and keys", SWIGLU, "rotary in three of four layers, none in the fourth"
    ),
    **dict.fromkeys(
        ("qwen3_next", "qwen3_5_text", "qwen3_5_moe_text"),
        _facts(RMS + ", and of queries and keys", SWIGLU, "rotary, a quarter of each head; none in DeltaNet"),
    ),
    "kimi_linear": _facts(RMS, SWIGLU, "none: DeltaNet tells order"),
    "mamba": _facts(ONE_THING, "SiLU, as a gate", "none: the state tells order"),
    "mamba2": _facts(ONE_THING, "SiLU, as a gate", "none: the state tells order"),
    "nemotron_h": _facts(ONE_THING, "ReLU, squared", "none: the state tells order"),
    "granitemoehybrid": _facts(RMS, SWIGLU, "none, in Granite 4: the state tells order"),
    "jamba": _facts(RMS, SWIGLU, "none: the state tells order"),
}


def facts_of(kind, config):
    """What is the same in all of a model_type, and what a file says of its own."""
    facts = FACTS.get(kind, {})
    if kind == "gpt_neox":
        if config.get("use_parallel_residual") is False:
            facts = facts | {"norms": BEFORE}
        share = config.get("rotary_pct", 0.25)
        if share != 0.25 and isinstance(share, int | float):
            facts = facts | {"positions": f"rotary, {100 * share:.4g} % of each head"}
    return facts
