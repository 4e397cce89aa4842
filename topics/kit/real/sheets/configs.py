"""config.json files of released models, without the fields that change no matrix, layer or context. Plain data.

Sources: transformers2026configs, and kvfit2026configs, files of the Hugging Face Hub. Of models that also see or
hear, the language part. tests/kit/test_sheets.py has what is published of them.
"""


def _names(model_type, d, L, H, H_kv, F, V, context, **more):
    """Fields that nearly all files have had since LLaMA."""
    return {
        "model_type": model_type,
        "hidden_size": d,
        "num_hidden_layers": L,
        "num_attention_heads": H,
        "num_key_value_heads": H_kv,
        "intermediate_size": F,
        "vocab_size": V,
        "max_position_embeddings": context,
        **more,
    }


def _bert(d, L, H, V, T, model_type="bert", types=2):
    return {
        "model_type": model_type,
        "hidden_size": d,
        "num_hidden_layers": L,
        "num_attention_heads": H,
        "intermediate_size": 4 * d,
        "vocab_size": V,
        "max_position_embeddings": T,
        "type_vocab_size": types,
    }


def _gpt2(d, L, H):
    return {"model_type": "gpt2", "n_embd": d, "n_layer": L, "n_head": H, "n_positions": 1024, "vocab_size": 50_257}


def _t5(d, L, H, D, F, **more):
    return {
        "model_type": "t5",
        "d_model": d,
        "num_layers": L,
        "num_decoder_layers": L,
        "num_heads": H,
        "d_kv": D,
        "d_ff": F,
        "vocab_size": 32_128,
        "relative_attention_num_buckets": 32,
        "n_positions": 512,
        **more,
    }


def _opt(d, L, H):
    return {
        "model_type": "opt",
        "hidden_size": d,
        "num_hidden_layers": L,
        "num_attention_heads": H,
        "ffn_dim": 4 * d,
        "vocab_size": 50_272,
        "max_position_embeddings": 2048,
        "word_embed_proj_dim": d,
    }


def _neox(d, L, H, V):
    return {
        "model_type": "gpt_neox",
        "hidden_size": d,
        "num_hidden_layers": L,
        "num_attention_heads": H,
        "intermediate_size": 4 * d,
        "vocab_size": V,
        "max_position_embeddings": 2048,
        "tie_word_embeddings": False,
    }


def _latent(model_type, d, L, H, F, V, context, q, E, k, shared, F_e, first, **more):
    return _names(
        model_type,
        d,
        L,
        H,
        H,
        F,
        V,
        context,
        q_lora_rank=q,
        kv_lora_rank=512,
        qk_nope_head_dim=128,
        qk_rope_head_dim=64,
        v_head_dim=128,
        n_routed_experts=E,
        num_experts_per_tok=k,
        n_shared_experts=shared,
        moe_intermediate_size=F_e,
        first_k_dense_replace=first,
        **more,
    )


def _delta(model_type, d, L, H, H_kv, V, H_v, **more):
    return {
        "model_type": model_type,
        "hidden_size": d,
        "num_hidden_layers": L,
        "num_attention_heads": H,
        "num_key_value_heads": H_kv,
        "head_dim": 256,
        "vocab_size": V,
        "max_position_embeddings": 262_144,
        "full_attention_interval": 4,
        "linear_num_key_heads": 16,
        "linear_num_value_heads": H_v,
        "linear_key_head_dim": 128,
        "linear_value_head_dim": 128,
        "linear_conv_kernel_dim": 4,
        **more,
    }


def _experts(E, k, F, **more):
    return {"num_experts": E, "num_experts_per_tok": k, "moe_intermediate_size": F, **more}


_TIED = {"tie_word_embeddings": True}
_GLOBAL_LAST = ["sliding_attention"] * 5 + ["full_attention"]

CONFIGS = {
    "BERT base": _bert(768, 12, 12, 30_522, 512),
    "BERT large": _bert(1024, 24, 16, 30_522, 512),
    "GPT-2 small": _gpt2(768, 12, 12),
    "GPT-2 XL": _gpt2(1600, 48, 25),
    "RoBERTa base": _bert(768, 12, 12, 50_265, 514, "roberta", 1),
    "T5 small": _t5(512, 6, 8, 64, 2048),
    "T5 base": _t5(768, 12, 12, 64, 3072),
    "Flan-T5 base": _t5(768, 12, 12, 64, 2048, feed_forward_proj="gated-gelu", tie_word_embeddings=False),
    "GPT-NeoX-20B": _neox(6144, 44, 64, 50_432),
    "OPT-125M": _opt(768, 12, 12),
    "OPT-13B": _opt(5120, 40, 40),
    "LLaMA-7B": _names("llama", 4096, 32, 32, 32, 11_008, 32_000, 2048),
    "Pythia-6.9B": _neox(4096, 32, 32, 50_432),
    "Llama-2-7B": _names("llama", 4096, 32, 32, 32, 11_008, 32_000, 4096),
    "Llama-2-13B": _names("llama", 5120, 40, 40, 40, 13_824, 32_000, 4096),
    "Mistral 7B": _names("mistral", 4096, 32, 32, 8, 14_336, 32_000, 32_768, sliding_window=4096),
    "Mixtral 8x7B": _names("mixtral", 4096, 32, 32, 8, 14_336, 32_000, 32_768, num_local_experts=8,
                           num_experts_per_tok=2),
    "Mamba-2 2.7B": {"model_type": "mamba2", "hidden_size": 2560, "num_hidden_layers": 64, "vocab_size": 50_288,
                     "state_size": 128, "num_heads": 80, "head_dim": 64, "expand": 2, "conv_kernel": 4, "n_groups": 1,
                     **_TIED},
    "Gemma 7B": _names("gemma", 3072, 28, 16, 16, 24_576, 256_000, 8192, head_dim=256),
    "Jamba 52B": _names("jamba", 4096, 32, 32, 8, 14_336, 65_536, 262_144, num_experts=16, num_experts_per_tok=2,
                        attn_layer_period=8, attn_layer_offset=4, expert_layer_period=2, expert_layer_offset=1,
                        mamba_d_state=16, mamba_d_conv=4, mamba_expand=2, mamba_dt_rank=256),
    "Phi-3-mini": _names("phi3", 3072, 32, 32, 32, 8192, 32_064, 4096, sliding_window=2047),
    "DeepSeek-V2": _latent("deepseek_v2", 5120, 60, 128, 12_288, 102_400, 163_840, 1536, 160, 6, 2, 1536, 1),
    "Gemma 2 9B": _names("gemma2", 3584, 42, 16, 8, 14_336, 256_000, 8192, head_dim=256, sliding_window=4096),
    "Gemma 2 27B": _names("gemma2", 4608, 46, 32, 16, 36_864, 256_000, 8192, head_dim=128, sliding_window=4096),
    "Llama-3.1-8B": _names("llama", 4096, 32, 32, 8, 14_336, 128_256, 131_072),
    "Llama-3.1-70B": _names("llama", 8192, 80, 64, 8, 28_672, 128_256, 131_072),
    "Llama-3.1-405B": _names("llama", 16_384, 126, 128, 8, 53_248, 128_256, 131_072),
    "Mistral Nemo 12B": _names("mistral", 5120, 40, 32, 8, 14_336, 131_072, 131_072, head_dim=128, sliding_window=None),
    "Llama-3.2-1B": _names("llama", 2048, 16, 32, 8, 8192, 128_256, 131_072, head_dim=64, **_TIED),
    "Llama-3.2-3B": _names("llama", 3072, 28, 24, 8, 8192, 128_256, 131_072, head_dim=128, **_TIED),
    "OLMoE-1B-7B": _names("olmoe", 2048, 16, 16, 16, 1024, 50_304, 4096, num_experts=64, num_experts_per_tok=8),
    "Qwen2.5-7B": _names("qwen2", 3584, 28, 28, 4, 18_944, 152_064, 32_768, use_sliding_window=False),
    "Qwen2.5-72B": _names("qwen2", 8192, 80, 64, 8, 29_568, 152_064, 32_768, use_sliding_window=False),
    "OLMo 2 7B": _names("olmo2", 4096, 32, 32, 32, 11_008, 100_352, 4096),
    "OLMo 2 13B": _names("olmo2", 5120, 40, 40, 40, 13_824, 100_352, 4096),
    "Phi-4": _names("phi3", 5120, 40, 40, 10, 17_920, 100_352, 16_384, sliding_window=None),
    "DeepSeek-V3": _latent("deepseek_v3", 7168, 61, 128, 18_432, 129_280, 163_840, 1536, 256, 8, 1, 2048, 3),
    "Phi-4-mini": _names("phi3", 3072, 32, 24, 8, 8192, 200_064, 131_072, sliding_window=262_144, **_TIED),
    "Gemma 3 1B": _names("gemma3_text", 1152, 26, 4, 1, 6912, 262_144, 32_768, head_dim=256, sliding_window=512),
    "Gemma 3 27B": _names("gemma3_text", 5376, 62, 32, 16, 21_504, 262_208, 131_072, head_dim=128, sliding_window=1024),
    "Llama 4 Scout": _names("llama4_text", 5120, 48, 40, 8, 8192, 202_048, 10_485_760, head_dim=128,
                            intermediate_size_mlp=16_384, num_local_experts=16, num_experts_per_tok=1,
                            attention_chunk_size=8192, interleave_moe_layer_step=1, no_rope_layer_interval=4),
    "Llama 4 Maverick": _names("llama4_text", 5120, 48, 40, 8, 8192, 202_048, 1_048_576, head_dim=128,
                               intermediate_size_mlp=16_384, num_local_experts=128, num_experts_per_tok=1,
                               attention_chunk_size=8192, interleave_moe_layer_step=2, no_rope_layer_interval=4),
    "Qwen3-8B": _names("qwen3", 4096, 36, 32, 8, 12_288, 151_936, 40_960, head_dim=128),
    "Qwen3-30B-A3B": _names("qwen3_moe", 2048, 48, 32, 4, 6144, 151_936, 40_960, head_dim=128, **_experts(128, 8, 768)),
    "Qwen3-235B-A22B": _names("qwen3_moe", 4096, 94, 64, 4, 12_288, 151_936, 40_960, head_dim=128,
                              **_experts(128, 8, 1536)),
    "SmolLM3-3B": _names("smollm3", 2048, 36, 16, 4, 11_008, 128_256, 65_536, **_TIED),
    "Kimi K2": _latent("kimi_k2", 7168, 61, 64, 18_432, 163_840, 131_072, 1536, 384, 8, 1, 2048, 1),
    "GLM-4.5-Air": _names("glm4_moe", 4096, 46, 96, 8, 10_944, 151_552, 131_072, head_dim=128, attention_bias=True,
                          n_routed_experts=128, num_experts_per_tok=8, n_shared_experts=1, moe_intermediate_size=1408,
                          first_k_dense_replace=1, use_qk_norm=False),
    "GLM-4.5": _names("glm4_moe", 5120, 92, 96, 8, 12_288, 151_552, 131_072, head_dim=128, attention_bias=True,
                      n_routed_experts=160, num_experts_per_tok=8, n_shared_experts=1, moe_intermediate_size=1536,
                      first_k_dense_replace=3, use_qk_norm=True),
    "gpt-oss-20b": _names("gpt_oss", 2880, 24, 64, 8, 2880, 201_088, 131_072, head_dim=64, sliding_window=128,
                          num_local_experts=32, num_experts_per_tok=4),
    "gpt-oss-120b": _names("gpt_oss", 2880, 36, 64, 8, 2880, 201_088, 131_072, head_dim=64, sliding_window=128,
                           num_local_experts=128, num_experts_per_tok=4),
    "Nemotron Nano 9B v2": _names(
        "nemotron_h", 4480, 56, 40, 8, 15_680, 131_072, 131_072, head_dim=128, mamba_num_heads=128, mamba_head_dim=80,
        ssm_state_size=128, n_groups=8, conv_kernel=4,
        hybrid_override_pattern="M-M-M-MM-M-M-M*-M-M-M*-M-M-M-M*-M-M-M-M*-M-MM-M-M-M-M-M-",
    ),
    "Qwen3-Next-80B-A3B": _delta("qwen3_next", 2048, 48, 16, 2, 151_936, 32, intermediate_size=5120,
                                 **_experts(512, 10, 512, shared_expert_intermediate_size=512)),
    "Granite 4.0 H Small": _names(
        "granitemoehybrid", 4096, 40, 32, 8, 768, 100_352, 131_072, num_local_experts=72, num_experts_per_tok=10,
        shared_intermediate_size=1536, mamba_n_heads=128, mamba_d_head=64, mamba_d_state=128, mamba_n_groups=1,
        mamba_d_conv=4, mamba_expand=2,
        layer_types=(["mamba"] * 5 + ["attention"] + ["mamba"] * 4) * 4, **_TIED,
    ),
    "DeepSeek-V3.2": _latent("deepseek_v32", 7168, 61, 128, 18_432, 129_280, 163_840, 1536, 256, 8, 1, 2048, 3,
                             index_n_heads=64, index_head_dim=128, index_topk=2048),
    "MiniMax-M2": _names("minimax_m2", 3072, 62, 48, 8, 1536, 200_064, 196_608, head_dim=128, num_local_experts=256,
                         num_experts_per_tok=8),
    "Kimi Linear 48B-A3B": _names(
        "kimi_linear", 2304, 27, 32, 32, 9216, 163_840, 1_048_576, q_lora_rank=None, kv_lora_rank=512,
        qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128, num_local_experts=256, num_experts_per_tok=8,
        n_shared_experts=1, moe_intermediate_size=1024, first_k_dense_replace=1,
        linear_num_heads=32, linear_head_dim=128, linear_conv_kernel_dim=4,
        layer_types=["full_attention" if i in (4, 8, 12, 16, 20, 24, 27) else "linear_attention" for i in range(1, 28)],
    ),
    "GLM-5": {
        **_latent("glm_moe_dsa", 6144, 78, 64, 12_288, 154_880, 202_752, 2048, 256, 8, 1, 2048, 3, index_n_heads=32,
                  index_head_dim=128, index_topk=2048),
        "qk_nope_head_dim": 192, "v_head_dim": 256,
    },
    "Qwen3.5-35B-A3B": _delta("qwen3_5_moe_text", 2048, 40, 16, 2, 248_320, 32,
                              **_experts(256, 8, 512, shared_expert_intermediate_size=512)),
    "Gemma 4 31B": _names(
        "gemma4_text", 5376, 60, 32, 16, 21_504, 262_144, 262_144, head_dim=256, global_head_dim=512,
        num_global_key_value_heads=4, attention_k_eq_v=True, hidden_size_per_layer_input=0, sliding_window=1024,
        layer_types=_GLOBAL_LAST * 10,
    ),
    "Qwen3.8-27B": _delta("qwen3_5_text", 5120, 64, 24, 4, 248_320, 48, intermediate_size=17_408),
}  # fmt: skip
