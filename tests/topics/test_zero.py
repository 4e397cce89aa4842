"""The claims of the page on ZeRO."""

import math
from pathlib import Path

import numpy as np
import pytest

from topics.kit import GIB, GPUS, MODELS, lm
from topics.kit.model.autograd import Tensor
from topics.kit.model.collectives import all_gather, pieces_of
from topics.kit.model.optimizers import orthogonalized
from topics.kit.model.text import padded
from topics.kit.model.training import loss_and_gradients, next_token_loss
from topics.kit.page.demo import defaults, views_of
from topics.zero import alone, demos, house_model, ledger, method, ranks, recorded

pytestmark = pytest.mark.topic("zero")
REFERENCE = np.load(Path(__file__).parents[1] / "reference/zero.npz")


def view(demo, kind, **arguments):
    return next(each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind)


def metric(demo, label, **arguments):
    return next(x["value"] for x in view(demo, "metrics", **arguments)["items"] if x["label"] == label)


def slow_adam(w, grads, eta, betas=(0.9, 0.95), eps=1e-8):
    """Adam by loops over numbers: the weights after a step for each row of grads."""
    w, m, v = [float(x) for x in w], [0.0] * len(w), [0.0] * len(w)
    for t, g in enumerate(grads, 1):
        for i, x in enumerate(g):
            m[i] = betas[0] * m[i] + (1 - betas[0]) * x
            v[i] = betas[1] * v[i] + (1 - betas[1]) * x * x
            w[i] -= eta * (m[i] / (1 - betas[0] ** t)) / (math.sqrt(v[i] / (1 - betas[1] ** t)) + eps)
    return np.array(w)


# ---- what a rank keeps


def test_7_5_billion_parameters_on_64_ranks_take_120_31_4_16_6_and_1_9_gb_as_the_paper_prints():
    totals = [sum(method.zero_memory(7_500_000_000, 64, stage)) / 1e9 for stage in range(4)]
    assert [round(total, 1) for total in totals] == [120.0, 31.4, 16.6, 1.9]
    assert totals[0] * 1e9 > GPUS["H100"].memory > totals[1] * 1e9


@pytest.mark.parametrize("Psi", [1, 7, 64, 1000])
def test_a_rank_holds_what_a_count_of_single_numbers_gives(Psi):
    for N in (1, 2, 3, 8, 100):
        owner = [min(i * N // Psi, N - 1) for i in range(Psi)]  # any spread as even as possible
        fullest = max(owner.count(r) for r in range(N))
        for stage in range(4):
            p, g, o = method.zero_memory(Psi, N, stage)
            assert p == 2 * (fullest if stage >= 3 else Psi)
            assert g == 2 * (fullest if stage >= 2 else Psi)
            assert o == 12 * (fullest if stage >= 1 else Psi)


def test_deepspeeds_estimator_is_that_of_its_release():
    for Psi, largest, N, two, three in REFERENCE["deepspeed"].tolist():
        assert abs(method.deepspeed_memory(Psi, N, 2, largest) - two) <= 1
        assert abs(method.deepspeed_memory(Psi, N, 3, largest) - three) <= 1
    older = 4 * 2_851_000_000 + 16 * 2_851_000_000 // 8  # what its handbook still prints, in GiB
    assert round(older / GIB, 2) == 15.93


def test_fsdp_keeps_16_bytes_a_parameter_in_shards_and_two_layers_or_all_gathered():
    for N in (8, 64):
        freed, kept = (method.fsdp_memory(8_000, N, 200, reshard) for reshard in (True, False))
        assert freed[0] == kept[0] == 16 * 8_000 / N
        assert (freed[1], kept[1]) == (2 * 2 * 200, 2 * 8_000)
        assert freed[2] == 2 * 200


# ---- one step


@pytest.mark.parametrize("N", [1, 2, 3, 5])
def test_four_steps_of_sharded_adam_are_adam_written_as_loops(N):
    rng = np.random.default_rng(N)
    w = rng.normal(size=11)
    grads = rng.normal(size=(4, N, 11))
    shards, states = pieces_of(w, N), [None] * N
    for each in grads:
        parts, sent = method.scattered_mean(list(each))
        shards, states = method.sharded_adam_step(shards, states, parts, 0.1)
        assert sent == [8 * (11 - len(shards[r])) for r in range(N)]
    assert np.abs(np.concatenate(shards) - slow_adam(w, grads.mean(1), 0.1)).max() < 1e-13


def test_clipped_and_stepped_in_shards_is_what_pytorchs_fsdp2_gives_and_one_process_without_shards():
    ends = np.cumsum([REFERENCE[f"start{i}"].size for i in range(5)])[:-1]
    shards = pieces_of(np.concatenate([REFERENCE[f"start{i}"].ravel() for i in range(5)]), 4)
    states = [None] * 4
    for t in range(3):
        g = np.concatenate([REFERENCE[f"grad{t}_{i}"].ravel() for i in range(5)])
        parts, norm = method.clip_sharded(pieces_of(g, 4), 0.5)
        assert norm == pytest.approx(float(REFERENCE["norms"][t]), rel=1e-12)
        shards, states = method.sharded_adam_step(shards, states, parts, 0.1)
    for i, part in enumerate(np.split(np.concatenate(shards), ends)):
        assert np.abs(part - REFERENCE[f"whole{i}"].ravel()).max() < 1e-5  # PyTorch adds 1e-6 to the length
        assert np.abs(REFERENCE[f"sharded{i}"] - REFERENCE[f"whole{i}"]).max() < 3e-16


def test_pytorchs_fsdp2_cuts_rows_as_chunk_does_and_its_norm_is_that_of_all_ranks():
    for i in range(5):
        rows = len(REFERENCE[f"start{i}"])
        share = -(-rows // 4)
        expected = [max(0, min(share, rows - r * share)) for r in range(4)]
        assert [int(REFERENCE[f"rank{r}_rows"][i]) for r in range(4)] == expected
    for r in range(4):
        assert np.array_equal(REFERENCE[f"rank{r}_norms"], REFERENCE["norms"])
    assert [min(-(-5 // 4), max(0, 5 - 2 * r)) for r in range(4)] == [2, 2, 1, 0]


def test_pytorchs_own_muon_refuses_fsdp2s_shards():
    assert "placement changes are not supported" in str(REFERENCE["muon"])


@pytest.mark.parametrize("stage", range(4))
def test_a_sharded_step_of_the_house_model_is_the_whole_one_to_the_last_bit(stage):
    for N, seed in ((4, 0), (3, 1)):
        *_, after = ranks.sharded_step(lm.load("target"), house_model.batches_of(N, seed), stage)
        expected = house_model.unsharded_step(N, seed)
        assert all(np.array_equal(w, expected[name]) for name, w in after.weights().items())
        assert after.weights().keys() == expected.keys()


def test_the_mean_over_ranks_is_the_gradient_of_all_words():
    model, texts = lm.load("target"), house_model.eight_texts(0)
    _, whole = loss_and_gradients(model.weights, next_token_loss(model), padded(texts))
    mean = [house_model.rank_gradient("target", 4, r, 0) for r in range(4)]
    for name in whole:
        assert np.abs(house_model.mean_of(mean, name) - whole[name]).max() < 1e-5 * np.abs(whole[name]).max()


def test_a_layer_by_itself_is_the_forward_pass():
    model, (words, *_) = lm.load("target"), house_model.batches_of(1, 2)[0]
    x = Tensor(model.weights["embedding"][words])
    for i in range(model.L):
        x = ranks.layer(model, i, ranks.tensors(model.weights), x)
    logits = lm.linear(lm.rms_norm(x.value, model.weights["norm"]), model.weights["embedding"])
    assert np.abs(logits - lm.forward(model, words)).max() < 1e-4


def test_what_rank_0_holds_is_counted_from_its_arrays_and_falls_from_stage_to_stage():
    Psi, L = sum(w.size for w in lm.load("target").weights.values()), lm.load("target").L
    layer = sum(w.size for name, w in lm.load("target").weights.items() if name.startswith("0."))
    at_rest, at_most = zip(*(house_model.held(4, stage) for stage in range(4)), strict=True)
    assert at_rest[0] == pytest.approx(12 * Psi / 1e6)
    assert at_most[0] == pytest.approx(16 * Psi / 1e6)
    assert at_rest[3] == pytest.approx(12 * Psi / 4 / 1e6)
    assert at_most[0] > at_most[1] > at_most[2] > at_most[3]
    assert at_most[0] / 4 * 1.3 < at_most[3] < at_most[0] / 2  # "well above a quarter but below a half"
    root = Psi - L * layer
    whole = 12 * Psi / 4 + 4 * (root + layer) + 4 * layer  # root and a layer gathered, the layer's gradients
    assert at_most[3] == pytest.approx((whole + 4 * L * layer / 4) / 1e6)
    assert house_model.held(1, 3)[1] > house_model.held(1, 0)[1]


def test_every_rank_sends_what_the_formula_says_and_the_root_once_less_at_stage_3():
    model, N = lm.load("target"), 4
    Psi = sum(w.size for w in model.weights.values())
    root = model.weights["embedding"].size + model.weights["norm"].size
    for stage in range(4):
        *_, after = ranks.sharded_step(model, house_model.batches_of(N, 0), stage)
        expected = method.communication_volume(Psi, N, stage) - (stage == 3) * root * (N - 1) / N
        assert after.sent / 4 == pytest.approx([expected] * N, rel=1e-4)  # pieces differ by a number


# ---- what a rank can't do alone


def test_a_shards_own_norm_makes_the_update_too_long_and_turns_it_in_every_batch():
    for seed in range(3):
        for N, least in ((4, 1.2), (8, 1.4)):
            length, cosine = alone.whole_update(alone.CLIP, N, seed)
            assert least < length < 1.55
            assert cosine < 0.975
    lengths = [alone.whole_update(alone.CLIP, N)[0] for N in (2, 4, 8)]
    assert lengths == sorted(lengths)  # "another number of ranks gives another update"


def test_most_ranks_shorten_nothing_and_the_one_with_the_embedding_nearly_enough():
    mine, right = alone.update(alone.CLIP, 4)
    lengths = [alone.compared(a, b)[0] for a, b in zip(mine, right, strict=True)]
    assert np.allclose(lengths[:3], 2, atol=1e-6)
    assert 1 < lengths[3] < 1.2
    order = list(lm.load("target").weights)
    assert order[-2:] == ["embedding", "norm"]


def test_muon_on_rows_is_another_step_the_more_so_the_more_ranks():
    for seed in range(3):
        cosines = [alone.whole_update(alone.MUON, N, seed)[1] for N in (2, 4, 8)]
        assert 0.8 < cosines[0] < 0.9
        assert 0.65 < cosines[1] < 0.75
        assert 0.55 < cosines[2] < 0.65


def test_another_order_of_sums_moves_numbers_by_less_than_a_thousandth_of_a_step():
    for seed in range(3):
        mine, right = (np.concatenate(each) for each in alone.update(alone.ORDER, 4, seed))
        assert 0 < np.abs(mine - right).max() < 1e-3 * ranks.RATE
    mine, right = alone.update(alone.NOTHING, 4)
    assert all(np.allclose(a, b, rtol=1e-5) for a, b in zip(mine, right, strict=True))


def test_with_an_owner_muon_is_that_of_the_whole_matrix_and_rows_go_there_and_back():
    G = np.random.default_rng(0).normal(size=(7, 5))
    for N in (2, 3):
        parts, sent = method.muon_sharded(pieces_of(G, N))
        assert np.abs(np.concatenate(parts) - orthogonalized(G)).max() < 1e-12
        others = sum(part.nbytes for part in pieces_of(G, N)[1:])
        assert sent[0] == sum(sent[1:]) == others
    assert np.linalg.svd(np.concatenate(parts), compute_uv=False) == pytest.approx([1] * 5, abs=0.35)


def test_adam_hides_what_sgd_shows_in_three_recorded_runs():
    for adam, sgd in zip(recorded.ALONE["Adam"], recorded.ALONE["SGD"], strict=True):
        assert adam[2] < 0.12
        assert sgd[2] > 0.4
    assert len(recorded.ALONE["Adam"]) >= 3


# ---- what is sent, and what it takes


@pytest.mark.parametrize("N", [2, 8])
def test_the_volume_is_what_the_collectives_of_a_step_send(N):
    for m in (1, 3):
        for stage, reshard in ((1, True), (2, True), (3, True), (3, False)):
            scatters = [method.scattered_mean([np.zeros(8 * N)] * N)[1][0] for _ in range(m if stage >= 2 else 1)]
            gathers = m * (1 + reshard) if stage == 3 else 1
            pieces = [all_gather([np.zeros(8)] * N)[1][0] for _ in range(gathers)]
            sent = method.communication_volume(8 * N, N, stage, m, reshard)
            assert 8 * sent == pytest.approx(sum(scatters) + sum(pieces))


def test_with_one_micro_batch_stages_1_and_2_send_what_copies_send_and_stage_3_half_as_much_more():
    volumes = [method.communication_volume(1000, 64, stage) for stage in range(4)]
    assert volumes[0] == volumes[1] == volumes[2]
    assert volumes[3] == pytest.approx(1.5 * volumes[0])


def test_at_the_tokens_to_hide_arithmetic_and_sending_take_as_long_at_any_size():
    for Psi in (1e9, 1e12):
        for stage in (1, 3):
            T = method.tokens_to_hide(4e14, 5e10, stage)
            sending = 2 * method.communication_volume(Psi, 10**9, stage) / 5e10
            assert 6 * Psi * T / 4e14 == pytest.approx(sending, rel=1e-6)
    assert method.tokens_to_hide(4e14, 5e10, 1) == pytest.approx(method.tokens_to_hide(4e14, 5e10) * 2 / 3)


def test_what_the_page_says_of_sending_and_arithmetic():
    def hidden(**arguments):
        note = view(demos.sent_and_waited_for, "note", **arguments)["text"]
        return note.split("room for ")[1].rstrip(".").split(", ") if "room for" in note else []

    assert hidden() == []
    assert hidden(micro=4) == ["copies", "stage 1", "stage 2"]
    assert len(hidden(link="NVLink, 450 GB/s")) == 5
    assert 7_500 < method.tokens_to_hide(0.4 * 989e12, 50e9) < demos.enough("Llama-3.1-8B") < 9_000
    assert demos.enough("GLM-5") > 10 * demos.enough("Llama-3.1-8B")
    assert hidden(T=8192) != hidden(T=16_384) == ["copies", "stage 1", "stage 2", "3 kept", "stage 3"]


def test_a_layers_activations_are_34_bytes_a_token_and_width_for_llama_8b():
    assert 2 * ledger.layer_numbers(MODELS["Llama-3.1-8B"]) == 34 * 4096


def test_70b_with_8192_tokens_a_rank_fits_never_or_from_32_ranks_on_when_it_computes_again():
    assert metric(demos.what_does_not_shrink, "Fewest ranks") is None
    assert metric(demos.what_does_not_shrink, "Fewest ranks", again=True) == 32
    assert metric(demos.what_does_not_shrink, "Fewest ranks", again=True, T=65_536) is None
    assert demos.activations("Llama-3.1-70B", 8192) > GPUS["H100"].memory / 1e9
    m = MODELS["Llama-3.1-70B"]
    by_hand = 8192 * (80 * 2 * (4 * 8192 + 2 * 8192 + 2 * 1024 + 3 * 28_672) + 4 * 128_256)
    assert ledger.activation_bytes(m, 8192) == by_hand


def test_the_bars_of_the_first_demo_are_what_the_paper_counts():
    figure = view(demos.who_keeps_what, "figure")
    totals = np.sum([bar["y"] for bar in figure["data"]], axis=0)
    assert totals == pytest.approx([120, 31.40625, 16.640625, 1.875])
    assert "31.4 GB (stage 1)" in figure["alt"]
