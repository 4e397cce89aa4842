"""The order of the series: sections and slugs, nothing else."""

ORDER = {
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
