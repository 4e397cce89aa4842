"""The order of the series: suggested paths, then sections with their slugs (last: build.py new appends to them)."""

# Orders in which a reader with one aim might read; what a page needs comes before it (builder/index/index.py checks).
PATHS = {
    "Serve a model": [
        "whole_model",
        "attention",
        "kv_cache",
        "mqa",
        "gqa",
        "flash_attention",
        "paged_attention",
        "quantization",
        "speculative_decoding",
    ],
    "Train a model": [
        "whole_model",
        "attention",
        "rope",
        "gpt_pretraining",
        "weight_init",
        "mixed_precision",
        "gradient_accumulation",
        "chinchilla",
        "tensor_pipeline_parallelism",
        "zero",
    ],
    "Align a model": ["attention", "gpt_pretraining", "lora", "rlhf", "ppo", "dpo", "grpo", "chain_of_thought"],
    "The interview week": [
        "whole_model",
        "attention",
        "kv_cache",
        "mqa",
        "gqa",
        "moe",
        "gpt_pretraining",
        "lora",
        "rlhf",
        "dpo",
        "rag",
    ],
}

ORDER = {
    "The whole": ["whole_model", "model_sheet"],
    "Attention": ["attention", "rope", "kv_cache", "flash_attention", "sliding_window", "mqa", "gqa", "mla"],
    "Serving": ["paged_attention", "speculative_decoding", "quantization"],
    "Architecture and pre-training": [
        "moe",
        "gpt_pretraining",
        "weight_init",
        "mixed_precision",
        "gradient_accumulation",
        "chinchilla",
    ],
    "Scaling out": ["tensor_pipeline_parallelism", "zero"],
    "Adapting": ["lora", "qlora", "model_merging"],
    "Alignment and reasoning": ["rlhf", "ppo", "dpo", "grpo", "chain_of_thought"],
    "Smaller and better informed": ["model_compression", "structured_pruning", "rag"],
}
