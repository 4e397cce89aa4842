"""The claims of the page on the KV cache."""

import math
from itertools import pairwise, product

import numpy as np
import pytest

from topics.kit import GIB, GPUS, KIB, MODELS, PLAIN, lm
from topics.kit.page.demo import defaults, views_of
from topics.kv_cache import demos, house_model, method

pytestmark = pytest.mark.topic("kv_cache")
HEADS = [(1, 1), (4, 4), (4, 2), (4, 1)]  # (H, H_kv)


def random_layers(seed, L, d, H, H_kv, D):
    """L layers of random weights, scaled so that outputs keep about the size of their inputs."""
    rng = np.random.default_rng(seed)
    shapes = [(d, H, D), (d, H_kv, D), (d, H_kv, D), (H, D, d)]
    return [[rng.normal(0, d**-0.5, shape) for shape in shapes] for _ in range(L)]


def slow_attention(q, k, v):
    """Causal attention by loops: q (T, H, D), k and v (T, H_kv, D)."""
    T, H, D = q.shape
    group = H // k.shape[1]
    y = np.zeros((T, H, D))
    for t, h in product(range(T), range(H)):
        scores = [sum(q[t, h, i] * k[s, h // group, i] for i in range(D)) / math.sqrt(D) for s in range(t + 1)]
        weights = [math.exp(score) for score in scores]
        for s in range(t + 1):
            y[t, h] += weights[s] / sum(weights) * v[s, h // group]
    return y


def tokens(T, H, H_kv, D=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(T, H, D)), rng.normal(size=(T, H_kv, D)), rng.normal(size=(T, H_kv, D))


def decode_all(q, k, v, K=None, V=None):
    """Token by token through decode_step; returns the outputs and the final cache."""
    K = np.empty((0, *k.shape[1:])) if K is None else K
    V = np.empty((0, *v.shape[1:])) if V is None else V
    outputs = []
    for t in range(len(q)):
        y, K, V = method.decode_step(q[t], k[t], v[t], K, V)
        outputs.append(y)
    return np.array(outputs), K, V


def defaults_of(demo, **changed):
    views = views_of(demo, defaults(demo) | changed)
    return {view["view"]: view for view in views} | {"figures": [view for view in views if view["view"] == "figure"]}


def metrics(demo, **changed):
    return {item["label"]: item["value"] for item in defaults_of(demo, **changed)["metrics"]["items"]}


# ---- the cache itself


@pytest.mark.parametrize("H, H_kv", HEADS)
def test_the_cache_never_changes_an_output(H, H_kv):
    q, k, v = tokens(7, H, H_kv)
    outputs, _, _ = decode_all(q, k, v)
    np.testing.assert_allclose(outputs, slow_attention(q, k, v), rtol=0, atol=1e-13)


@pytest.mark.parametrize("H, H_kv", HEADS)
def test_prefill_is_causal_attention_on_all_tokens_at_once(H, H_kv):
    q, k, v = tokens(7, H, H_kv)
    y, K, V = method.prefill(q, k, v)
    np.testing.assert_allclose(y, slow_attention(q, k, v), rtol=0, atol=1e-13)
    assert K is k and V is v  # its keys and values are the cache


def test_prefill_then_decode_equals_all_at_once():
    q, k, v = tokens(9, 4, 2)
    whole, _, _ = method.prefill(q, k, v)
    for cut in range(1, 9):
        first, K, V = method.prefill(q[:cut], k[:cut], v[:cut])
        rest, _, _ = decode_all(q[cut:], k[cut:], v[cut:], K, V)
        np.testing.assert_allclose(np.concatenate([first, rest]), whole, rtol=0, atol=1e-13, err_msg=f"cut at {cut}")


def test_a_later_token_never_changes_an_earlier_output():
    q, k, v = tokens(6, 4, 2)
    before, _, _ = method.prefill(q, k, v)
    for changed in (q, k, v):
        changed[4] += 100
    after, _, _ = method.prefill(q, k, v)
    np.testing.assert_array_equal(after[:4], before[:4])
    assert np.abs(after[4:] - before[4:]).max() > 0.1


def test_appending_keeps_every_old_row_and_leaves_the_given_cache_alone():
    q, k, v = tokens(5, 4, 2)
    _, K, V = decode_all(q[:4], k[:4], v[:4])
    K_before, V_before = K.copy(), V.copy()
    _, K_after, V_after = method.decode_step(q[4], k[4], v[4], K, V)
    np.testing.assert_array_equal(K, K_before)
    np.testing.assert_array_equal(K_after, np.concatenate([K_before, k[4:]]))
    np.testing.assert_array_equal(V_after, np.concatenate([V_before, v[4:]]))


def test_grouped_heads_equal_full_heads_whose_keys_and_values_are_repeated():
    q, k, v = tokens(6, 6, 2)
    grouped, _, _ = decode_all(q, k, v)
    full, _, _ = decode_all(q, np.repeat(k, 3, axis=1), np.repeat(v, 3, axis=1))  # interleaved: 000111
    tiled, _, _ = decode_all(q, np.tile(k, (1, 3, 1)), np.tile(v, (1, 3, 1)))  # 010101: another model
    np.testing.assert_allclose(grouped, full, rtol=0, atol=1e-14)
    assert np.abs(grouped - tiled).max() > 0.1


@pytest.mark.parametrize("L, H_kv", [(1, 4), (2, 4), (2, 1), (3, 2)])
def test_generation_makes_the_same_vectors_with_and_without_a_cache(L, H_kv):
    layers = random_layers(0, L, d=8, H=4, H_kv=H_kv, D=2)
    prompt = np.random.default_rng(1).normal(size=(5, 8))
    cached = method.generate(layers, prompt, 12)
    np.testing.assert_allclose(cached, method.generate(layers, prompt, 12, cached=False), rtol=0, atol=1e-11)
    assert cached.shape == (12, 8)


def test_each_layer_adds_to_what_it_was_given():
    x = np.random.default_rng(3).normal(size=(4, 6))
    W_q, W_k, W_v, W_o = random_layers(0, 1, d=6, H=2, H_kv=1, D=3)[0]
    q, k, v = (np.array([[[sum(row * W[:, h, i]) for i in range(3)] for h in range(W.shape[1])] for row in x])
               for W in (W_q, W_k, W_v))  # fmt: skip
    added = [[sum((y * W_o[:, :, i]).ravel()) for i in range(6)] for y in slow_attention(q, k, v)]
    np.testing.assert_allclose(method.forward([(W_q, W_k, W_v, W_o)], x)[0], x + added, rtol=0, atol=1e-13)


def test_generation_with_a_cache_passes_one_row_a_step(monkeypatch):
    seen, plain = [], method.forward
    monkeypatch.setattr(
        method, "forward", lambda layers, x, caches=None: seen.append(len(x)) or plain(layers, x, caches)
    )
    layers, prompt = random_layers(0, 1, 8, 4, 4, 2), np.ones((5, 8))
    method.generate(layers, prompt, 4)
    assert seen == [5, 1, 1, 1]
    seen.clear()
    method.generate(layers, prompt, 4, cached=False)
    assert seen == [5, 6, 7, 8]


def test_an_edit_changes_its_own_row_in_the_first_layer_and_all_later_rows_above():
    layers = random_layers(0, 2, d=8, H=4, H_kv=2, D=2)
    x = np.random.default_rng(2).normal(size=(6, 8))
    _, before = method.forward(layers, x)
    x[2] += 1
    _, after = method.forward(layers, x)
    changed = [
        [t for t in range(6) if np.abs(a[t] - b[t]).max() > 1e-9] for (a, _), (b, _) in zip(before, after, strict=True)
    ]
    assert changed == [[2], [2, 3, 4, 5]]


# ---- published numbers


@pytest.mark.parametrize(
    "name, kib", [("OPT-13B", 800), ("Llama-2-7B", 512), ("Llama-3.1-8B", 128), ("Llama-3.1-70B", 320)]
)
def test_bytes_per_token_are_the_published_ones(name, kib):
    assert method.cache_of(name) == kib * KIB


def test_cache_bytes_counts_the_arrays_that_decode_step_keeps():
    q, k, v = tokens(6, 4, 2)
    _, K, V = decode_all(q, k, v)
    assert method.cache_bytes(T=6, L=1, H_kv=2, D=4, b=8) == K.nbytes + V.nbytes


def test_full_contexts_weigh_what_the_page_says():
    assert method.cache_of("Llama-2-7B", 4096) == 2 * GIB
    assert method.cache_of("Llama-3.1-8B", 131_072) == 16 * GIB
    assert method.cache_of("Llama-3.1-70B", 131_072) == 40 * GIB


def test_parameter_counts_follow_from_the_shapes():
    def llama(d, L, H_kv, ffn, vocabulary):  # untied embeddings, RMSNorm, three FFN matrices, no biases
        return 2 * vocabulary * d + L * (2 * d * d + 2 * d * H_kv * 128 + 3 * d * ffn + 2 * d) + d

    def gpt(d, L, vocabulary, positions):  # tied embeddings, LayerNorm with bias, biases everywhere, FFN of 4d
        layer = 4 * (d * d + d) + (4 * d * d + 4 * d) + (4 * d * d + d) + 4 * d
        return vocabulary * d + positions * d + L * layer + 2 * d

    assert MODELS["GPT-2 small"].parameters == gpt(768, 12, 50_257, 1024)
    assert MODELS["GPT-3"].parameters == gpt(12_288, 96, 50_257, 2048)
    assert MODELS["OPT-13B"].parameters == gpt(5120, 40, 50_272, 2048 + 2)  # two positions more than it uses
    qkv_biases = 28 * (3584 + 2 * 4 * 128)
    assert MODELS["Qwen2.5-7B"].parameters == llama(3584, 28, 4, 18_944, 152_064) + qkv_biases
    assert MODELS["Llama-2-7B"].parameters == llama(4096, 32, 32, 11_008, 32_000)
    assert MODELS["Llama-3.1-8B"].parameters == llama(4096, 32, 8, 14_336, 128_256)
    assert MODELS["Llama-3.1-70B"].parameters == llama(8192, 80, 8, 28_672, 128_256)


# ---- what it costs


def test_a_step_costs_t_times_less_with_a_cache():
    for t in (1, 2, 7, 100):
        assert method.layer_flops(t, t, 64, 4, 2, 16) == t * method.layer_flops(1, t, 64, 4, 2, 16)


def test_layer_flops_counts_every_multiply_add_twice():
    d, H, H_kv, D, T = 3, 4, 2, 5, 7
    count = 0
    for inputs, outputs in [(d, H * D), (d, H_kv * D), (d, H_kv * D), (H * D, d)]:  # q, k, v, output
        count += 2 * inputs * outputs
    for _ in range(H):
        count += T * 2 * D  # scores
        count += T * 2 * D  # weighted values
    assert method.layer_flops(1, T, d, H, H_kv, D) == count


def test_a_whole_text_is_quadratic_with_a_cache_and_cubic_without():
    def attention(T, cached):  # d = 0 leaves the attention term
        return sum(method.layer_flops(1 if cached else t, t, 0, 1, 1, 1) for t in range(1, T + 1))

    assert attention(2000, True) / attention(1000, True) == pytest.approx(4, rel=2e-3)
    assert attention(2000, False) / attention(1000, False) == pytest.approx(8, rel=2e-3)


def test_the_head_by_hand_has_no_output_projection():
    for new, T, D in ((1, 6, 2), (6, 6, 2), (1, 3, 7)):
        assert demos.head_flops(new, T, D) == method.layer_flops(new, T, D, 1, 1, D) - new * 2 * D * D


@pytest.mark.parametrize("name", PLAIN)
def test_a_step_counts_what_the_page_counts(name):
    m, T, B = MODELS[name], 1000, 7
    N = m.parameters - (0 if m.tied else m.vocabulary * m.d)  # what is only looked up is left out
    matrices, attention = method.decode_works(name, T, B)
    assert matrices == (2 * B * N, 2 * N)
    assert attention == (4 * B * T * m.L * m.H * m.D, 2 * B * T * m.L * m.H_kv * m.D * 2)


def test_users_raise_the_intensity_of_matrices_only():
    for name in ("Llama-2-7B", "Llama-3.1-8B", "Llama-3.1-70B"):
        m = MODELS[name]
        for B, T in product((1, 64, 10**6), (128, 8192)):
            matrices, attention = map(method.arithmetic_intensity, method.decode_works(name, T, B))
            assert matrices == pytest.approx(B)  # 2B/w at 16 bits
            assert attention == pytest.approx(m.H / m.H_kv)
            assert attention < GPUS["H100"].flops / GPUS["H100"].bandwidth


def test_prefill_is_the_sum_of_its_steps_but_for_logits():
    for name, T in (("Llama-2-7B", 50), ("gpt-oss-20b", 200)):
        m = MODELS[name]
        matrices, *experts, attention = method.prefill_works(name, T, 3)
        steps = [method.decode_works(name, t, 3) for t in range(1, T + 1)]
        assert attention[0] == sum(step[-1][0] for step in steps)
        assert matrices[0] == sum(step[0][0] for step in steps) - 3 * (T - 1) * 2 * m.vocabulary * m.d
        assert [work[0] for work in experts] == [sum(step[1][0] for step in steps)] * bool(m.experts)
        assert attention[1] == 3 * method.cache_of(name, T)


def test_at_the_crossover_caches_weigh_as_much_as_weights():
    for name, n in product(demos.SERVED, (1, 8)):
        B = method.crossover_batch(name, 4096, n=n)
        copies = n if name == "DeepSeek-V3" else 1
        assert B * copies * method.cache_of(name, 4096) == pytest.approx(method.weights_read(MODELS[name], B))


def test_the_experts_of_a_mixture_reach_the_ridge_far_later_than_the_rest():
    assert round(method.ridge_batch("Llama-3.1-8B", "H100")) == round(method.ridge_batch("DeepSeek-V3", "H100")) == 295
    m = MODELS["Llama-3.1-8B"]
    output = 128_256 * 4096 / (m.parameters - m.embedding)  # stays at 16 bits
    assert method.ridge_batch("Llama-3.1-8B", "H100", "MXFP4") == pytest.approx(
        989 / 3.35 * (output + (1 - output) * 4.25 / 16)
    )
    for name in demos.SERVED:
        for part in range(1 + bool(MODELS[name].experts)):
            B = method.ridge_batch(name, "H200", part=part)
            flops, read = method.decode_works(name, 1, B)[part]
            assert flops / GPUS["H200"].flops == pytest.approx(read / GPUS["H200"].bandwidth)
    assert method.ridge_batch("DeepSeek-V3", "H100", part=1) == pytest.approx(989 / 3.35 * 256 / 8, rel=1e-6)


def test_users_of_a_mixture_read_ever_more_experts():
    m = MODELS["DeepSeek-V3"]
    shares = [method.share_read("DeepSeek-V3", B) for B in (1, 32, 128)]
    assert [round(share) for share in shares] == [5, 65, 98]
    assert round(m.active / 1e9) == 37


def test_the_total_stays_below_bandwidth_divided_by_cache():
    bound = GPUS["H100"].bandwidth / method.cache_of("Llama-3.1-8B", 8192)
    totals = [B / method.decode_time("Llama-3.1-8B", "H100", 8192, B) for B in (1, 64, 10**4, 10**7)]
    assert totals == sorted(totals)
    assert 0.95 * bound < totals[-1] < bound


# ---- what the page says of its demos


def test_the_calculator_opens_with_a_cache_above_the_weights_and_half_of_the_users():
    shown = metrics(demos.memory_calculator)
    assert shown["Cache per user"] == 16 > shown["Weights"] > 14.9
    assert shown["Users that fit"] == 4
    bars = defaults_of(demos.memory_calculator)["figure"]["data"][1]  # of the cache
    assert (bars["x"][1], bars["y"][1]) == ("8 users", 8 * 16)


def test_counting_query_heads_is_wrong_by_h_over_h_kv_and_unnoticed_where_they_are_equal():
    for name, factor in [("Llama-3.1-70B", 8), ("Llama-3.1-8B", 4), ("Llama-2-7B", 1)]:
        right, wrong = (metrics(demos.memory_calculator, name=name, wrong=w)["Cache per user"] for w in (False, True))
        assert wrong == factor * right
        note = defaults_of(demos.memory_calculator, name=name, T=1024, wrong=True)["note"]
        assert (f"{factor} times too much" in note["text"]) == (factor > 1)


def test_latents_and_states_are_no_query_heads():
    right, wrong = (metrics(demos.memory_calculator, name="DeepSeek-V3", wrong=w) for w in (False, True))
    assert wrong["A further token"] == right["A further token"] * 2 * 128 * 128 / 576
    right, wrong = (metrics(demos.memory_calculator, name="Qwen3-Next-80B-A3B", wrong=w) for w in (False, True))
    assert wrong["A further token"] == 8 * right["A further token"]
    assert wrong["Cache per user"] < 8 * right["Cache per user"]  # the states count the same


def test_only_layers_that_see_more_than_a_window_grow():
    for T, grows in ((1024, 80), (64, 80 + 50 * 2 * 16 * 256 * 2 / KIB)):
        views = {view["view"]: view for view in demos_at(name="Gemma 4 31B", T=T)}
        assert views["metrics"]["items"][0]["value"] == grows


def demos_at(**arguments):
    """The calculator where its slider does not go."""
    return [view.json() if hasattr(view, "json") else view
            for view in demos.memory_calculator(**defaults(demos.memory_calculator) | arguments)]  # fmt: skip


def test_narrow_weights_leave_room_for_more_users():
    fits = [metrics(demos.memory_calculator, precision=each, T=8192)["Users that fit"] for each in demos.PRECISIONS]
    assert fits == sorted(fits) and fits[0] < fits[1] and fits[-1] >= 2 * fits[-2]
    assert metrics(demos.memory_calculator, name="gpt-oss-120b", T=8192)["Users that fit"] == 0
    assert metrics(demos.memory_calculator, name="gpt-oss-120b", T=8192, precision="4 and 16")["Users that fit"] > 0


def test_a_context_beyond_the_models_own_gets_a_warning():
    assert defaults_of(demos.memory_calculator, name="Llama-2-7B")["note"]["kind"] == "warning"
    assert defaults_of(demos.memory_calculator, name="Llama-2-7B", T=4096)["note"]["kind"] == "info"


def test_users_that_fit_really_fit_and_one_more_does_not():
    for name, T, gpu in product(demos.CALCULATED, (1024, 131_072), ("RTX 4090", "H100", "8 × B200")):
        memory, weights, each = GPUS[gpu].memory, method.weight_bytes(name), method.cache_of(name, T)
        if gpu == "8 × B200":  # each keeps all latents, or one head at least
            each = method.text_bytes(MODELS[name], T, n=8)
            assert each == 8 * method.cache_of(name, T) or name not in ("DeepSeek-V3", "GLM-5")
        n = metrics(demos.memory_calculator, name=name, T=T, gpu=gpu)["Users that fit"]
        assert weights + (n + 1) * each > memory
        assert n >= 0
        assert weights + n * each <= memory or n == 0


@pytest.mark.parametrize("seed", range(20))
def test_each_fault_breaks_the_badge_and_none_holds_it(seed):
    for fault in demos.FAULTS:
        badge = defaults_of(demos.decode_by_hand, fault=fault, seed=seed)["badge"]
        assert (badge["value"] <= badge["limit"]) == (fault == "none"), fault


def test_steps_show_old_rows_unchanged_and_the_work_that_the_page_names():
    frames = defaults_of(demos.decode_by_hand)["steps"]["frames"]
    K = [frame["views"][0]["values"] for frame in frames]
    for before, after in pairwise(K):
        np.testing.assert_array_equal(after[:-1], before)
    work = {item["label"]: item["value"] for item in frames[5]["views"][-1]["items"]}
    assert (work["Work with the cache"], work["Work without"]) == (72, 432)


def test_restarted_positions_or_a_dropped_first_key_spare_the_first_token_only():
    for seed, fault in product(range(5), ("restart positions at 0", "drop the first token")):
        frames = defaults_of(demos.decode_by_hand, fault=fault, seed=seed)["steps"]["frames"]
        differences = [frame["views"][-1]["items"][-1]["value"] for frame in frames]
        assert differences[0] < 1e-12 < min(differences[1:])


def test_forgetting_to_append_leaves_each_token_with_its_own_value():
    frames = defaults_of(demos.decode_by_hand, fault="forget to append")["steps"]["frames"]
    assert all(len(frame["views"][0]["values"]) == 1 for frame in frames)


def test_decode_waits_for_memory_and_prefill_for_arithmetic():
    shown, (matrices, _) = metrics(demos.prefill_against_decode), method.prefill_works("Llama-3.1-8B", 8192, 1)
    assert (shown["Decode, matrices"], shown["Decode, scores and mixing"]) == (32, 4)
    assert 32 < shown["Ridge of the GPU"] < 0.1 * method.arithmetic_intensity(matrices)
    assert shown["Prefill of one prompt"] == pytest.approx(0.133, abs=5e-4)


def test_the_time_of_a_step_is_the_sum_of_two():
    """At 128 tokens and 512 users arithmetic sets the pace of the matrices, memory that of attention."""
    shown = metrics(demos.prefill_against_decode, T=128, B=512)
    N = MODELS["Llama-3.1-8B"].parameters - 128_256 * 4096
    seconds = 2 * 512 * N / 989e12 + 512 * 128 * 131_072 / 3350e9
    assert shown["All users together"] == pytest.approx(512 / seconds)
    assert shown["Decode, matrices"] > shown["Ridge of the GPU"] > shown["Decode, scores and mixing"]


def test_doubling_32_users_gains_a_fifth_at_8192_tokens_and_nearly_doubles_at_128():
    def gain(T):
        total = [metrics(demos.prefill_against_decode, T=T, B=B)["All users together"] for B in (32, 64)]
        return total[1] / total[0]

    assert 1.15 < gain(8192) < 1.25
    assert gain(128) > 1.9
    assert round(method.crossover_batch("Llama-3.1-8B", 8192), 1) == 14.0  # so caches are most of the bytes
    assert demos.users_that_fit(GPUS["H100"].memory, method.weight_bytes("Llama-3.1-8B"), GIB) == 65


def test_reading_prompts_on_the_same_gpu_halves_what_short_answers_get():
    decode = metrics(demos.prefill_against_decode)["All users together"]
    read, step = metrics(demos.prefill_against_decode)["Prefill of one prompt"], 32 / decode
    for answer in (256, 1024):
        assert method.with_prompts(answer) == pytest.approx(32 * answer / (32 * read + answer * step))
    assert 32 * read > 256 * step  # "it reads for longer than it writes"


def test_short_steps_are_far_from_their_bound_and_the_note_warns():
    measured = 111  # one user of DeepSeek-R1 on eight B200, in NVIDIA's tech blog 1
    assert 1 / method.decode_time("DeepSeek-V3", "8 × B200", 2048, 1, "NVFP4") > 10 * measured
    short = {"name": "DeepSeek-V3", "gpu": "8 × B200", "kind": "MXFP4", "B": 1, "T": 2048}
    text = defaults_of(demos.prefill_against_decode, **short)["note"]["text"]
    assert "takes longer" in text and "each keeps a whole latent" in text and "was released in FP8" in text
    assert "takes longer" not in defaults_of(demos.prefill_against_decode)["note"]["text"]


def test_beyond_the_memory_the_curves_are_dotted():
    traces = {trace["name"]: trace for trace in defaults_of(demos.prefill_against_decode)["figures"][1]["data"]}
    for inside, outside in (("all users", "all, if they fitted"), ("each user", "each, if they fitted")):
        assert max(traces[inside]["x"]) == min(traces[outside]["x"]) == 65
        assert (min(traces[inside]["x"]), max(traces[outside]["x"])) == (1, 512)


def test_a_server_that_holds_8_percent_back_fits_fewer():
    text = defaults_of(demos.memory_calculator, T=8192)["note"]["text"]
    fewer = (0.92 * 80 * GIB - 2 * MODELS["Llama-3.1-8B"].parameters) // GIB
    assert f"{fewer:.0f} users" in text


def test_states_weigh_as_much_as_1608_tokens_or_3144():
    """32 heads of 128 × 128 in each of 36 layers, and three inputs of the convolution; 12 layers keep tokens."""
    token = 12 * 2 * 2 * 256 * 2
    for b, tokens in ((2, 1608), (4, 3144)):
        assert 36 * (32 * 128 * 128 * b + 3 * 8192 * 2) / token == method.states_in_tokens(b) == tokens


def test_without_a_cache_intensity_rises_and_speed_falls():
    with_cache, without = metrics(demos.prefill_against_decode), metrics(demos.prefill_against_decode, uncached=True)
    for part in ("Decode, matrices", "Decode, scores and mixing"):
        assert without[part] > 100 * with_cache[part]
    assert without["All users together"] < with_cache["All users together"] / 250


def test_the_race_compares_equal_outputs_and_grows_its_curves():
    steps = [{view["view"]: view for view in views} for views in house_model.race(T=32, kind="song", seed=0)]
    assert [len(views["figure"]["data"][0]["x"]) for views in steps] == [1, 2, 3, 4]
    assert all(views["badge"]["value"] <= views["badge"]["limit"] for views in steps)
    assert len(steps[-1]["tokens"]["tokens"]) == 3 + 32
    assert "[end]" not in steps[-1]["tokens"]["tokens"]


def test_the_race_counts_every_weight_once_for_each_row():
    """Against the matrices themselves: two FLOP for each number, and two products of width D a head and key."""
    model = lm.load("target")
    matrices = sum(w.size for name, w in model.weights.items() if w.ndim == 2)
    for new, T in ((1, 1), (1, 50), (50, 50)):
        attention = sum(2 * 2 * model.D for _ in range(model.L * model.H * new * T))
        assert house_model.model_flops(model, new, T) == 2 * matrices * new + attention
    assert house_model.race_flops_ratio(1) == 3  # three rows or one, each meeting three keys


def test_an_edit_changes_only_what_has_read_it():
    """The claims of the text: nothing before; in layer 1 the word itself; above it every later word."""
    change = edited(**defaults(house_model.edit_a_word))
    assert change.shape == (15, 8)
    assert (change[:3] == 0).all()
    assert (change[3] > 10).all()  # in percent
    assert (change[4:, :2] == 0).all()
    assert (change[4:, 2:] > 1e-3).all()


def test_an_inserted_word_turns_the_keys_of_layer_1_and_leaves_its_values():
    change = edited(text="[blunt] story : Anna got lamps . Ben got keys .", place=5, new="Kate", insert=True)
    assert (change[:5] == 0).all()
    assert (change[5:, 0] > 0.1).all()
    assert (change[5:, 1] < 100 * house_model.SAME).all()
    assert (change[5:, 2:] > 1e-3).all()


def edited(**arguments):
    return next(view["values"] for view in house_model.edit_a_word(**arguments) if view["view"] == "matrix")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"text": "stars lampe"}, "“lampe”. The nearest that it does: lamps"),
        ({"new": "Kat"}, "“Kat”"),
        ({"new": "Kate Ben"}, "One new word"),
        ({"new": " "}, "One new word"),
        ({"text": ""}, "text of 2 to 128 words"),
        ({"text": "Anna " * 129}, "text of 2 to 128 words"),
    ],
)
def test_what_the_house_model_can_not_read_is_said_in_a_sentence(arguments, says):
    (note,) = views_of(
        house_model.edit_a_word, {"place": 1, "text": "stars are", "new": "warm", "insert": False} | arguments
    )
    assert note["view"] == "note"
    assert says in note["text"]


def test_where_the_weights_alone_do_not_fit_the_formula_says_so():
    views = demos.memory_calculator(**defaults(demos.memory_calculator) | {"name": "Llama-3.1-70B", "gpu": "RTX 4090"})
    (room,) = (item for item in views[1]["items"] if item["label"] == "Users that fit")
    assert (room["value"], room["formula"]) == (0, "131.42 > 24")
