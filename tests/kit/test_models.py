"""Real models and GPUs: what is published follows from the shapes in the kit's tables."""

import math

import pytest

from topics.kit import GIB, GPUS, KIB, MODELS
from topics.kit.real import costs
from topics.kit.real.models import PLAIN, alike


def attention(d, H, H_kv, D, gate=False):
    """Queries, keys, values, output; a gate is one more matrix of queries."""
    return d * H * D + 2 * d * H_kv * D + H * D * d + (d * H * D if gate else 0)


def latent_attention(d, H, q, nope, v, indexer=False):
    """MLA as DeepSeek's code has it: ranks q and 512, a rotary key of 64, norms on both ranks."""
    down_and_up = d * q + q + q * H * (nope + 64) + d * (512 + 64) + 512 + 512 * H * (nope + v)
    picks = q * 32 * 128 + d * 128 + 2 * 128 + d * 32 if indexer else 0  # 32 queries of 128, one key, its norm, weights
    return down_and_up + H * v * d + picks


def delta(d):
    """Qwen's gated DeltaNet: 16 heads of queries and keys, 32 of values and gates, a convolution, two rates a head."""
    return d * (2 * 2048 + 2 * 4096) + d * 64 + 4 * (2 * 2048 + 4096) + 2 * 32 + 128 + 4096 * d


def mixture(d, E, F, shared=0, gate=False):
    """E experts of three matrices, a router, experts for all, and Qwen's gate before the shared one."""
    return (E + shared) * 3 * d * F + d * E + (d if gate else 0)


def whole(d, vocabulary, layers, tied=False):
    """Embeddings, layers, and the last norm."""
    return (1 if tied else 2) * vocabulary * d + sum(layers) + d


def counted():
    """Parameters, matrix by matrix, of the models of the last years; two norms a layer, unless said otherwise."""
    d = 5120
    v2 = [latent_attention(d, 128, 1536, 128, 128) + 2 * d] * 60
    yield "DeepSeek-V2", whole(d, 102_400, [*v2, 3 * d * 12_288, *[mixture(d, 160, 1536, 2)] * 59])
    d = 7168
    v3 = [latent_attention(d, 128, 1536, 128, 128) + 2 * d] * 61
    yield "DeepSeek-V3", whole(d, 129_280, [*v3, *[3 * d * 18_432] * 3, *[mixture(d, 256, 2048, 1)] * 58])
    k2 = [latent_attention(d, 64, 1536, 128, 128) + 2 * d] * 61
    yield "Kimi K2", whole(d, 163_840, [*k2, 3 * d * 18_432, *[mixture(d, 384, 2048, 1)] * 60])
    d = 6144
    glm = [latent_attention(d, 64, 2048, 192, 256, indexer=True) + 2 * d] * 78
    yield "GLM-5", whole(d, 154_880, [*glm, *[3 * d * 12_288] * 3, *[mixture(d, 256, 2048, 1)] * 75])
    d = 5376  # four norms a layer, and one for queries and one for keys
    gemma = attention(d, 32, 16, 128) + 2 * 128 + 4 * d + 3 * d * 21_504
    yield "Gemma 3 27B", whole(d, 262_208, [gemma] * 62, tied=True)
    local = attention(d, 32, 16, 256) + 2 * 256 + 4 * d + 3 * d * 21_504
    everywhere = attention(d, 32, 4, 512) - d * 4 * 512 + 2 * 512 + 4 * d + 3 * d * 21_504  # no matrix for values
    yield "Gemma 4 31B", whole(d, 262_144, [local] * 50 + [everywhere] * 10, tied=True)
    d = 5120
    llama = [attention(d, 40, 8, 128) + 2 * d] * 48
    yield "Llama 4 Maverick", whole(d, 202_048, [*llama, *[3 * d * 16_384, mixture(d, 128, 8192, 1)] * 24])
    d = 4096
    qwen = attention(d, 64, 4, 128) + 2 * 128 + 2 * d + mixture(d, 128, 1536)
    yield "Qwen3-235B-A22B", whole(d, 151_936, [qwen] * 94)
    d = 2880  # biases in attention, router and experts, and a sink a head
    sinks = attention(d, 64, 8, 64) + 64 * 64 + 2 * 8 * 64 + d + 64 + 2 * d
    for name, L, E in (("gpt-oss-20b", 24, 32), ("gpt-oss-120b", 36, 128)):
        yield name, whole(d, 201_088, [sinks + mixture(d, E, d) + E + E * 3 * d] * L)
    d = 2048
    full, linear = attention(d, 16, 2, 256, gate=True) + 2 * 256 + 2 * d, delta(d) + 2 * d
    for name, each, E, vocabulary in (("Qwen3-Next-80B-A3B", 12, 512, 151_936), ("Qwen3.5-35B-A3B", 10, 256, 248_320)):
        feeds = [mixture(d, E, 512, 1, gate=True)] * 4 * each
        yield name, whole(d, vocabulary, [full] * each + [linear] * 3 * each + feeds)
    d = 3072  # norms over all query and all key heads
    minimax = attention(d, 48, 8, 128) + (48 + 8) * 128 + 2 * d + mixture(d, 256, 1536)
    yield "MiniMax-M2", whole(d, 200_064, [minimax] * 62)
    d = 4096
    yield "Mistral 7B", whole(d, 32_000, [attention(d, 32, 8, 128) + 3 * d * 14_336 + 2 * d] * 32)
    d = 4608  # four norms a layer
    yield "Gemma 2 27B", whole(d, 256_000, [attention(d, 32, 16, 128) + 3 * d * 36_864 + 4 * d] * 46, tied=True)


COUNTED = dict(counted())


@pytest.mark.parametrize("name", COUNTED)
def test_parameters_follow_from_the_shapes(name):
    assert MODELS[name].parameters == COUNTED[name]


def test_every_model_is_counted_here_or_on_the_page_of_the_cache():
    assert set(COUNTED) | set(PLAIN) == set(MODELS)
    assert not set(COUNTED) & set(PLAIN)


# as their makers print them, in billions: all, and those that a token passes
PUBLISHED = {
    "DeepSeek-V2": (236, 21), "DeepSeek-V3": (671, 37), "Llama 4 Maverick": (400, 17), "Qwen3-235B-A22B": (235, 22),
    "gpt-oss-20b": (20.91, 3.61), "gpt-oss-120b": (116.83, 5.13), "Qwen3-Next-80B-A3B": (80, 3),
    "MiniMax-M2": (230, 10), "GLM-5": (744, 40), "Qwen3.5-35B-A3B": (35, 3), "Kimi K2": (1040, 32.6),
    "Gemma 3 27B": (27, 27), "Gemma 4 31B": (30.7, 30.7), "Mistral 7B": (7.24, 7.24), "Gemma 2 27B": (27.2, 27.2),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_totals_are_the_published_ones(name):
    m, (total, active) = MODELS[name], PUBLISHED[name]
    assert math.isclose(m.parameters / 1e9, total, rel_tol=0.015)  # Kimi K2's report rounds up by 1.3 %
    assert abs(m.active / 1e9 - active) < 1  # makers count embeddings or don't, and round as they like


def test_active_counts_the_output_matrix_and_not_the_embedding_as_makers_do():
    for name in ("gpt-oss-20b", "gpt-oss-120b"):
        m = MODELS[name]
        assert (round(m.parameters / 1e9, 2), round(m.active / 1e9, 2)) == PUBLISHED[name]
    for name in ("DeepSeek-V2", "DeepSeek-V3", "Qwen3-235B-A22B", "MiniMax-M2", "Qwen3.5-35B-A3B"):
        assert round(MODELS[name].active / 1e9) == PUBLISHED[name][1]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_s_table_hangs_together(name):
    m = MODELS[name]
    assert 0 < m.for_all <= m.active <= m.parameters - m.embedding
    assert (m.active == m.parameters - m.embedding) == (m.experts is None)
    assert m.experts is None or m.experts.k + m.experts.shared < m.experts.E
    for layers in m.layers:
        assert layers.H % layers.H_kv == 0
        assert bool(layers.latent) == bool(layers.rotary)
    year, month = map(int, m.dated.split("-"))
    assert (2019, 1) <= (year, month) <= (2026, 12)


def test_where_layers_differ_there_is_no_one_number_of_heads():
    m = MODELS["Gemma 4 31B"]
    assert m.L == 60 and not alike(m)
    for name in ("H", "H_kv", "D"):
        with pytest.raises(ValueError, match=f"no one {name}"):
            getattr(m, name)


# ---- caches


def slow_cache(layers, T):
    """Numbers kept, token by token: of (kind, how many layers, numbers a token or in all, window)."""
    kept = 0
    for kind, n, numbers, window in layers:
        for t in range(T):
            if kind == "token" and t >= T - (window or T):
                kept += n * numbers
        if kind == "text":
            kept += n * numbers
    return kept


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("Llama-3.1-8B", [("token", 32, 2 * 8 * 128, None)]),
        ("gpt-oss-120b", [("token", 18, 2 * 8 * 64, 128), ("token", 18, 2 * 8 * 64, None)]),
        ("Gemma 4 31B", [("token", 50, 2 * 16 * 256, 1024), ("token", 10, 2 * 4 * 512, None)]),
        ("Qwen3-Next-80B-A3B", [("token", 12, 2 * 2 * 256, None), ("text", 36, 32 * 128 * 128 + 3 * 8192, None)]),
        ("DeepSeek-V3", [("token", 61, 512 + 64, None)]),
        ("GLM-5", [("token", 78, 512 + 64 + 128, None)]),
    ],
)
def test_a_text_s_bytes_count_windows_latents_and_states_which_stay_at_16_bits(name, layers):
    tokens = [layer for layer in layers if layer[0] == "token"]
    for T in (1, 100, 1500):
        assert costs.text_bytes(MODELS[name], T) == 2 * slow_cache(layers, T)
        assert costs.text_bytes(MODELS[name], T, b=1) == 2 * slow_cache(layers, T) - slow_cache(tokens, T)


def test_gpus_that_split_heads_hold_whole_ones_and_each_every_latent():
    """By dealing heads out: GPU g of n answers query heads, and holds each key/value head that one of them reads."""
    for name, n in (("Llama-3.1-70B", 4), ("Llama-3.1-70B", 16), ("Qwen3-235B-A22B", 8), ("gpt-oss-120b", 32)):
        m = MODELS[name]
        H, H_kv = m.layers[0].H, m.layers[0].H_kv
        kept = sum(len({h * H_kv // H for h in range(g * H // n, (g + 1) * H // n)}) for g in range(n))
        assert costs.text_bytes(m, 500, n=n) == kept * costs.text_bytes(m, 500) / H_kv
    for name in ("DeepSeek-V3", "GLM-5"):
        assert costs.text_bytes(MODELS[name], 500, n=8) == 8 * costs.text_bytes(MODELS[name], 500)
    hybrid = MODELS["Qwen3-Next-80B-A3B"]  # 2 key/value heads, and 16 groups of states
    assert costs.text_bytes(hybrid, 500, n=8) - costs.text_bytes(hybrid, 500) == 3 * 500 * 12 * 2 * 2 * 256 * 2


def test_eight_gpus_read_a_latent_eight_times():
    m, gpu = MODELS["DeepSeek-V3"], GPUS["8 × B200"]
    split, one = (costs.step_time(m, each, 32_768, 128, "MXFP4") for each in (gpu, gpu._replace(n=1)))
    assert (round(1000 * split), round(1000 * one, 1)) == (44, 10.9)
    assert split - one == pytest.approx(7 * 128 * 32_768 * 70_272 / gpu.bandwidth)
    few = MODELS["Llama-3.1-70B"]
    assert costs.step_time(few, GPUS["8 × H100"], 100, 9) == costs.step_time(
        few, GPUS["8 × H100"]._replace(n=1), 100, 9
    )


def test_gpt_oss_grows_by_36_kib_a_token_above_a_constant_of_4_and_a_half_mib():
    m = MODELS["gpt-oss-120b"]
    assert costs.text_bytes(m, 1001) - costs.text_bytes(m, 1000) == 36 * KIB
    assert costs.text_bytes(m, 1000) - 1000 * 36 * KIB == 4.5 * 2**20


@pytest.mark.parametrize("name", PLAIN)
def test_for_plain_models_it_is_the_formula(name):
    m = MODELS[name]
    assert costs.text_bytes(m, 777) == costs.cache_bytes(777, m.L, m.H_kv, m.D)
    assert costs.pairs_flops(m, 777) == 4 * m.L * m.H * m.D * 777


def test_latents_are_scored_by_all_heads_and_mixed_without_their_rotary_key():
    assert costs.pairs_flops(MODELS["DeepSeek-V3"], 10) == 61 * 10 * 128 * (2 * 576 + 2 * 512)


def test_windows_bound_the_pairs():
    m = MODELS["gpt-oss-20b"]
    assert costs.pairs_flops(m, 5000) == 12 * 4 * 64 * 64 * 5000 + 12 * 4 * 64 * 64 * 128


def test_an_indexer_s_choice_is_not_counted_in_silence():
    for flops in (costs.pairs_flops, costs.prompt_flops):
        with pytest.raises(ValueError, match="indexer"):
            flops(MODELS["GLM-5"], 10)


# ---- weights


def test_experts_touched_is_the_mean_over_draws():
    import numpy as np

    rng = np.random.default_rng(0)
    for E, k, B in ((8, 2, 4), (16, 1, 16), (256, 8, 32)):
        draws = [len({e for _ in range(B) for e in rng.permutation(E)[:k].tolist()}) for _ in range(400)]
        assert math.isclose(np.mean(draws), costs.experts_touched(E, k, B), rel_tol=0.02)
    assert round(costs.experts_touched(256, 8, 32)) == 163
    assert round(costs.experts_touched(256, 8, 128)) == 252


def test_of_a_mixture_one_token_reads_what_is_active_and_many_read_nearly_all():
    m = MODELS["DeepSeek-V3"]
    assert costs.parameters_read(m, 1) == pytest.approx(m.active)
    assert costs.parameters_read(m, 10_000) == pytest.approx(m.parameters - m.embedding)
    assert costs.weights_read(m, 1) == pytest.approx(2 * m.active)
    reads = [costs.weights_read(m, B, "MXFP4") for B in (1, 2, 4, 8)]
    assert reads == sorted(reads)


def test_a_dense_model_s_weights_are_read_but_for_the_embedding_that_is_looked_up():
    tied, untied = MODELS["Gemma 4 31B"], MODELS["Llama-3.1-8B"]
    assert costs.parameters_read(tied, 5) == tied.parameters
    assert costs.parameters_read(untied, 5) == untied.parameters - 128_256 * 4096


@pytest.mark.parametrize(("name", "gib"), [("gpt-oss-20b", 12.8), ("gpt-oss-120b", 60.8)])
def test_in_mxfp4_gpt_oss_takes_the_bytes_of_its_checkpoint(name, gib):
    assert round(costs.weights_bytes(MODELS[name], "MXFP4") / GIB, 1) == gib


def test_fp8_narrows_all_matrices_but_the_output_and_routers_and_4_bits_of_a_mixture_the_experts():
    m = MODELS["DeepSeek-V3"]
    experts, ends, routers = 58 * 256 * 3 * 7168 * 2048, 2 * 129_280 * 7168, 58 * 256 * 7168
    wide = {"MXFP4": m.parameters - experts, "NVFP4": m.parameters - experts, "FP8": ends + routers}
    for kind, bits in (("FP8", 8 + 32 / 128**2), ("NVFP4", 4.5), ("MXFP4", 4.25)):
        expected = 2 * wide[kind] + (m.parameters - wide[kind]) * bits / 8
        assert costs.weights_bytes(m, kind) == pytest.approx(expected)
    dense = MODELS["Llama-3.1-8B"]
    assert costs.weights_bytes(dense, "FP8") == pytest.approx(dense.parameters + 2 * 128_256 * 4096, rel=1e-3)


def test_bits_count_their_scales():
    assert costs.WEIGHTS["MXFP4"] == (32 * 4 + 8) / 32
    assert costs.WEIGHTS["NVFP4"] == (16 * 4 + 8) / 16
    assert costs.WEIGHTS["FP8"] == (128 * 128 * 8 + 32) / 128**2
    for m in MODELS.values():
        assert costs.weights_bytes(m) == 2 * m.parameters
        weights = [costs.weights_bytes(m, kind) for kind in ("BF16", "FP8", "NVFP4", "MXFP4")]
        assert weights == sorted(weights, reverse=True)
        assert weights[-1] > m.parameters * 4.25 / 8  # something stays at 16 bits


# ---- a step


def test_a_step_is_two_rooflines_one_after_the_other():
    m, gpu = MODELS["Llama-3.1-8B"], GPUS["H100"]
    read = 2 * (m.parameters - m.embedding)
    for T, B in ((128, 512), (8192, 32), (1, 1)):
        matrices = max(B * read / gpu.flops, read / gpu.bandwidth)
        pairs = max(B * T * 4 * 32 * 32 * 128 / gpu.flops, B * T * 131_072 / gpu.bandwidth)
        assert costs.step_time(m, gpu, T, B) == pytest.approx(matrices + pairs)
    flops, moved = zip(*costs.matrices_works(m, 512), costs.pairs_work(m, 128, 512), strict=True)
    assert costs.step_time(m, gpu, 128, 512) > 1.25 * costs.roofline_time((sum(flops), sum(moved)), gpu)


def test_of_a_mixture_experts_and_the_rest_are_bounded_apart():
    """Each expert meets few tokens and waits for memory when all other matrices already wait for arithmetic."""
    m, gpu, B = MODELS["DeepSeek-V3"], GPUS["H100"], 2000
    experts = 58 * 256 * 3 * 7168 * 2048
    rest = m.parameters - experts - 129_280 * 7168
    assert costs.matrices_works(m, B) == [
        (2 * B * rest, 2 * rest),
        (pytest.approx(2 * B * experts * 8 / 256), pytest.approx(2 * experts)),
    ]
    together = max(2 * B * (rest + experts / 32) / gpu.flops, 2 * (rest + experts) / gpu.bandwidth)
    apart = 2 * B * rest / gpu.flops + 2 * experts / gpu.bandwidth
    assert costs.time_of(costs.matrices_works(m, B), gpu) == pytest.approx(apart)
    assert apart > together


def test_narrow_weights_save_reading_not_arithmetic():
    m, gpu = MODELS["Llama-3.1-70B"], GPUS["8 × H100"]
    assert costs.step_time(m, gpu, 1024, 1, "MXFP4") < 0.35 * costs.step_time(m, gpu, 1024, 1)
    assert costs.step_time(m, gpu, 1, 4096, "MXFP4") == pytest.approx(costs.step_time(m, gpu, 1, 4096))


def test_the_state_of_linear_attention_is_read_and_written_and_does_not_grow():
    m = MODELS["Qwen3-Next-80B-A3B"]
    flops, moved = costs.pairs_work(m, 1000, 1)
    state = 36 * (32 * 128 * 128 + 3 * 8192)
    assert moved == 2 * (12 * 1000 * 1024 + 2 * state)
    assert flops == 12 * 4 * 16 * 256 * 1000 + 7 * state


# ---- GPUs


@pytest.mark.parametrize(
    "gpu, ridge", [("RTX 4090", 164), ("A100", 153), ("H100", 295), ("H200", 206), ("B200", 292), ("8 × B200", 292)]
)
def test_ridges_are_dense_rates_over_bandwidth(gpu, ridge):
    assert round(GPUS[gpu].flops / GPUS[gpu].bandwidth) == ridge
