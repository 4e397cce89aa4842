"""What transformers 5.24 takes where a config.json has no such field: numbers of each model_type. Plain data."""

DEFAULTS = {
    "bert": {
        "hidden_size": 768, "num_hidden_layers": 12, "vocab_size": 30_522, "num_attention_heads": 12,
        "intermediate_size": 3072, "max_position_embeddings": 512, "type_vocab_size": 2,
    },
    "roberta": {
        "hidden_size": 768, "num_hidden_layers": 12, "vocab_size": 50_265, "num_attention_heads": 12,
        "intermediate_size": 3072, "max_position_embeddings": 512, "type_vocab_size": 2,
    },
    "gpt2": {
        "n_embd": 768, "n_layer": 12, "vocab_size": 50_257, "n_head": 12, "n_positions": 1024,
    },
    "opt": {
        "hidden_size": 768, "num_hidden_layers": 12, "vocab_size": 50_272, "num_attention_heads": 12, "ffn_dim":
        3072, "max_position_embeddings": 2048,
    },
    "gpt_neox": {
        "hidden_size": 6144, "num_hidden_layers": 44, "vocab_size": 50_432, "num_attention_heads": 64,
        "intermediate_size": 24_576, "max_position_embeddings": 2048,
    },
    "t5": {
        "d_model": 512, "num_layers": 6, "vocab_size": 32_128, "num_heads": 8, "d_kv": 64, "d_ff": 2048,
        "relative_attention_num_buckets": 32,
    },
    "llama": {
        "hidden_size": 4096, "num_hidden_layers": 32, "vocab_size": 32_000, "num_attention_heads": 32,
        "intermediate_size": 11_008, "max_position_embeddings": 2048,
    },
    "mistral": {
        "hidden_size": 4096, "num_hidden_layers": 32, "vocab_size": 32_000, "num_attention_heads": 32,
        "num_key_value_heads": 8, "intermediate_size": 14_336, "max_position_embeddings": 131_072,
        "sliding_window": 4096,
    },
    "mixtral": {
        "hidden_size": 4096, "num_hidden_layers": 32, "vocab_size": 32_000, "num_attention_heads": 32,
        "num_key_value_heads": 8, "intermediate_size": 14_336, "max_position_embeddings": 131_072,
        "num_local_experts": 8, "num_experts_per_tok": 2,
    },
    "qwen2": {
        "hidden_size": 4096, "num_hidden_layers": 32, "vocab_size": 151_936, "num_attention_heads": 32,
        "num_key_value_heads": 32, "intermediate_size": 22_016, "max_position_embeddings": 32_768,
        "sliding_window": 4096, "max_window_layers": 28,
    },
    "qwen2_moe": {
        "hidden_size": 2048, "num_hidden_layers": 24, "vocab_size": 151_936, "num_attention_heads": 16,
        "num_key_value_heads": 16, "intermediate_size": 5632, "max_position_embeddings": 32_768, "num_experts":
        60, "num_experts_per_tok": 4, "moe_intermediate_size": 1408, "shared_expert_intermediate_size": 5632,
        "sliding_window": 4096, "max_window_layers": 28,
    },
    "qwen3": {
        "hidden_size": 4096, "num_hidden_layers": 32, "vocab_size": 151_936, "num_attention_heads": 32,
        "num_key_value_heads": 32, "head_dim": 128, "intermediate_size": 22_016, "max_position_embeddings":
        32_768, "sliding_window": 4096, "max_window_layers": 28,
    },
    "qwen3_moe": {
        "hidden_size": 2048, "num_hidden_layers": 24, "vocab_size": 151_936, "num_attention_heads": 32,
        "num_key_value_heads": 4, "intermediate_size": 6144, "max_position_embeddings": 32_768, "num_experts":
        128, "num_experts_per_tok": 8, "moe_intermediate_size": 768, "sliding_window": 4096,
        },
    "phi3": {
        "hidden_size": 3072, "num_hidden_layers": 32, "vocab_size": 32_064, "num_attention_heads": 32,
        "intermediate_size": 8192, "max_position_embeddings": 4096,
    },
    "phimoe": {
        "hidden_size": 4096, "num_hidden_layers": 32, "vocab_size": 32_064, "num_attention_heads": 32,
        "num_key_value_heads": 8, "intermediate_size": 6400, "max_position_embeddings": 131_072,
        "num_local_experts": 16, "num_experts_per_tok": 2,
    },
    "gemma": {
        "hidden_size": 3072, "num_hidden_layers": 28, "vocab_size": 256_000, "num_attention_heads": 16,
        "num_key_value_heads": 16, "head_dim": 256, "intermediate_size": 24_576, "max_position_embeddings":
        8192,
    },
    "gemma2": {
        "hidden_size": 2304, "num_hidden_layers": 26, "vocab_size": 256_000, "num_attention_heads": 8,
        "num_key_value_heads": 4, "head_dim": 256, "intermediate_size": 9216, "max_position_embeddings": 8192,
        "sliding_window": 4096,
    },
    "gemma3_text": {
        "hidden_size": 2304, "num_hidden_layers": 26, "vocab_size": 262_208, "num_attention_heads": 8,
        "num_key_value_heads": 4, "head_dim": 256, "intermediate_size": 9216, "max_position_embeddings":
        131_072, "sliding_window": 4096,
    },
    "gemma4_text": {
        "hidden_size": 2304, "num_hidden_layers": 30, "vocab_size": 262_144, "num_attention_heads": 8,
        "num_key_value_heads": 4, "head_dim": 256, "intermediate_size": 9216, "max_position_embeddings":
        131_072, "sliding_window": 512, "vocab_size_per_layer_input": 262_144, "hidden_size_per_layer_input":
        256, "global_head_dim": 512,
    },
    "olmo2": {
        "hidden_size": 4096, "num_hidden_layers": 32, "vocab_size": 50_304, "num_attention_heads": 32,
        "intermediate_size": 11_008, "max_position_embeddings": 2048,
    },
    "olmo3": {
        "hidden_size": 4096, "num_hidden_layers": 32, "vocab_size": 50_304, "num_attention_heads": 32,
        "intermediate_size": 11_008, "max_position_embeddings": 2048, "sliding_window": 4096,
    },
    "olmoe": {
        "hidden_size": 2048, "num_hidden_layers": 16, "vocab_size": 50_304, "num_attention_heads": 16,
        "intermediate_size": 2048, "max_position_embeddings": 4096, "num_experts": 64, "num_experts_per_tok": 8,
    },
    "smollm3": {
        "hidden_size": 2048, "num_hidden_layers": 36, "vocab_size": 128_256, "num_attention_heads": 16,
        "num_key_value_heads": 4, "intermediate_size": 11_008, "max_position_embeddings": 32_768,
        "no_rope_layer_interval": 4,
    },
    "granite": {
        "hidden_size": 4096, "num_hidden_layers": 32, "vocab_size": 32_000, "num_attention_heads": 32,
        "intermediate_size": 11_008, "max_position_embeddings": 2048,
    },
    "glm4_moe": {
        "hidden_size": 4096, "num_hidden_layers": 46, "vocab_size": 151_552, "num_attention_heads": 96,
        "num_key_value_heads": 8, "intermediate_size": 10_944, "max_position_embeddings": 131_072,
        "n_routed_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 1408, "n_shared_experts": 1,
        "first_k_dense_replace": 1,
    },
    "gpt_oss": {
        "hidden_size": 2880, "num_hidden_layers": 36, "vocab_size": 201_088, "num_attention_heads": 64,
        "num_key_value_heads": 8, "head_dim": 64, "intermediate_size": 2880, "max_position_embeddings": 131_072,
        "num_local_experts": 128, "num_experts_per_tok": 4, "sliding_window": 128,
    },
    "minimax_m2": {
        "hidden_size": 3072, "num_hidden_layers": 62, "vocab_size": 200_064, "num_attention_heads": 48,
        "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 1536, "max_position_embeddings":
        196_608, "num_local_experts": 256, "num_experts_per_tok": 8,
    },
    "llama4_text": {
        "hidden_size": 5120, "num_hidden_layers": 48, "vocab_size": 202_048, "num_attention_heads": 40,
        "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 8192, "max_position_embeddings":
        131_072, "num_local_experts": 16, "num_experts_per_tok": 1, "intermediate_size_mlp": 16_384,
        "attention_chunk_size": 8192, "interleave_moe_layer_step": 1, "no_rope_layer_interval": 4,
    },
    "deepseek_v2": {
        "hidden_size": 4096, "num_hidden_layers": 32, "vocab_size": 102_400, "num_attention_heads": 32,
        "intermediate_size": 11_008, "max_position_embeddings": 2048, "n_routed_experts": 64,
        "moe_intermediate_size": 1407, "n_shared_experts": 2, "first_k_dense_replace": 0, "kv_lora_rank": 512,
        "q_lora_rank": 1536, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128,
    },
    "deepseek_v3": {
        "hidden_size": 7168, "num_hidden_layers": 61, "vocab_size": 129_280, "num_attention_heads": 128,
        "num_key_value_heads": 128, "intermediate_size": 18_432, "max_position_embeddings": 4096,
        "n_routed_experts": 256, "num_experts_per_tok": 8, "moe_intermediate_size": 2048, "n_shared_experts": 1,
        "first_k_dense_replace": 3, "kv_lora_rank": 512, "q_lora_rank": 1536, "qk_rope_head_dim": 64,
        "qk_nope_head_dim": 128, "v_head_dim": 128,
    },
    "deepseek_v32": {
        "hidden_size": 7168, "num_hidden_layers": 61, "vocab_size": 129_280, "num_attention_heads": 128,
        "num_key_value_heads": 128, "head_dim": 64, "intermediate_size": 18_432, "max_position_embeddings":
        163_840, "n_routed_experts": 256, "num_experts_per_tok": 8, "moe_intermediate_size": 2048,
        "n_shared_experts": 1, "first_k_dense_replace": 3, "kv_lora_rank": 512, "q_lora_rank": 1536,
        "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128, "index_topk": 2048,
        "index_head_dim": 128, "index_n_heads": 64,
    },
    "glm_moe_dsa": {
        "hidden_size": 6144, "num_hidden_layers": 78, "vocab_size": 154_880, "num_attention_heads": 64,
        "num_key_value_heads": 64, "head_dim": 64, "intermediate_size": 12_288, "max_position_embeddings":
        202_752, "n_routed_experts": 256, "num_experts_per_tok": 8, "moe_intermediate_size": 2048,
        "n_shared_experts": 1, "first_k_dense_replace": 3, "kv_lora_rank": 512, "q_lora_rank": 2048,
        "qk_rope_head_dim": 64, "qk_nope_head_dim": 192, "v_head_dim": 256, "index_topk": 2048,
        "index_head_dim": 128, "index_n_heads": 32,
    },
    "qwen3_next": {
        "hidden_size": 2048, "num_hidden_layers": 48, "vocab_size": 151_936, "num_attention_heads": 16,
        "num_key_value_heads": 2, "head_dim": 256, "intermediate_size": 5632, "max_position_embeddings": 32_768,
        "num_experts": 512, "num_experts_per_tok": 10, "moe_intermediate_size": 512,
        "shared_expert_intermediate_size": 512, "linear_num_key_heads": 16,
        "linear_num_value_heads": 32, "linear_key_head_dim": 128, "linear_value_head_dim": 128,
        "linear_conv_kernel_dim": 4,
    },
    "qwen3_5_text": {
        "hidden_size": 4096, "num_hidden_layers": 32, "vocab_size": 248_320, "num_attention_heads": 16,
        "num_key_value_heads": 4, "head_dim": 256, "intermediate_size": 12_288, "max_position_embeddings":
        32_768, "linear_num_key_heads": 16, "linear_num_value_heads": 32, "linear_key_head_dim": 128,
        "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4,
    },
    "qwen3_5_moe_text": {
        "hidden_size": 2048, "num_hidden_layers": 40, "vocab_size": 248_320, "num_attention_heads": 16,
        "num_key_value_heads": 2, "head_dim": 256, "max_position_embeddings": 32_768, "num_experts": 256,
        "num_experts_per_tok": 8, "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512,
        "linear_num_key_heads": 16, "linear_num_value_heads": 32, "linear_key_head_dim": 128,
        "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4,
    },
    "kimi_linear": {
        "hidden_size": 2304, "num_hidden_layers": 27, "vocab_size": 163_840, "num_attention_heads": 32,
        "num_key_value_heads": 32, "intermediate_size": 9216, "max_position_embeddings": 1_048_576,
        "num_local_experts": 256, "num_experts_per_tok": 8, "moe_intermediate_size": 1024, "n_shared_experts":
        1, "kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128,
        "linear_conv_kernel_dim": 4, "linear_num_heads": 32, "linear_head_dim": 128, "first_k_dense_replace": 1,
    },
    "mamba": {
        "hidden_size": 768, "num_hidden_layers": 32, "vocab_size": 50_280, "state_size": 16, "conv_kernel": 4,
        "expand": 2,
    },
    "mamba2": {
        "hidden_size": 4096, "num_hidden_layers": 64, "vocab_size": 32_768, "num_heads": 128, "head_dim": 64,
        "state_size": 128, "conv_kernel": 4, "expand": 2, "n_groups": 8,
    },
    "nemotron_h": {
        "hidden_size": 4096, "vocab_size": 131_072, "num_attention_heads": 32, "num_key_value_heads": 8,
        "head_dim": 128, "intermediate_size": 21_504, "max_position_embeddings": 4096, "n_routed_experts": 8,
        "num_experts_per_tok": 2, "moe_intermediate_size": 7688, "n_shared_experts": 1, "conv_kernel": 4,
        "expand": 2, "n_groups": 8, "mamba_num_heads": 128, "mamba_head_dim": 64, "ssm_state_size": 128,
    },
    "granitemoehybrid": {
        "hidden_size": 4096, "num_hidden_layers": 32, "vocab_size": 32_000, "num_attention_heads": 32,
        "intermediate_size": 11_008, "max_position_embeddings": 2048, "num_local_experts": 8,
        "num_experts_per_tok": 2, "mamba_n_heads": 128, "mamba_d_state": 256, "mamba_n_groups": 1,
        "mamba_d_conv": 4, "mamba_expand": 2, "shared_intermediate_size": 1024,
    },
    "jamba": {
        "hidden_size": 4096, "num_hidden_layers": 32, "vocab_size": 65_536, "num_attention_heads": 32,
        "num_key_value_heads": 8, "intermediate_size": 14_336, "max_position_embeddings": 262_144,
        "num_experts": 16, "num_experts_per_tok": 2, "mamba_d_state": 16, "mamba_d_conv": 4, "mamba_expand": 2,
        "attn_layer_period": 8, "attn_layer_offset": 4, "expert_layer_period": 2, "expert_layer_offset": 1,
    },
}  # fmt: skip
