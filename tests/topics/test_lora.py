"""The claims of the page on LoRA."""

import math
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from topics.kit import GPUS, MODELS, lm, max_abs_difference
from topics.kit.model.adapters import body_excess, matrices, with_adapter
from topics.kit.model.data import data_file, tensors
from topics.kit.model.language import HELD_OUT
from topics.kit.model.text import encode
from topics.kit.page.demo import defaults, views_of
from topics.lora import changes, demos, house_model, ledger, live, method, runs
from topics.lora.recorded import BEFORE, FULL, PARTED, SCALED, SUMS_ALONE
from topics.lora.recorded_changes import CUT_AT, HELD

pytestmark = pytest.mark.topic("lora")
REFERENCE = np.load(Path(__file__).parents[1] / "reference/lora.npz")
SEEDS = (0, 1, 2)


def view(demo, kind, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind]
    return found if len(found) > 1 else found[0]


# ---- the adapter


@pytest.mark.parametrize("shape", [(7,), (4, 7), (2, 3, 7)])
def test_matrix_and_adapter_give_wx_and_s_times_bax(shape):
    rng = np.random.default_rng(0)
    x, W, A, B = rng.normal(size=shape), rng.normal(size=(3, 7)), rng.normal(size=(2, 7)), rng.normal(size=(3, 2))
    slow = np.zeros((*shape[:-1], 3))
    for place in np.ndindex(*shape[:-1]):
        for o in range(3):
            slow[(*place, o)] = sum(W[o, i] * x[place][i] for i in range(7)) + 0.5 * sum(
                B[o, k] * A[k, i] * x[place][i] for k in range(2) for i in range(7)
            )
    assert max_abs_difference(method.lora_forward(x, W, A, B, 0.5), slow) < 1e-14
    assert max_abs_difference(method.lora_forward(x, method.merge(W, A, B, 0.5), A, 0 * B, 1.0), slow) < 1e-14


@pytest.mark.parametrize("r", [1, 2, 4])
@pytest.mark.parametrize("stabilised", [False, True])
def test_scale_output_and_merge_are_those_of_peft(r, stabilised):
    name = f"r{r}_{'rs' if stabilised else 'plain'}"
    W, A, B, y, merged = (REFERENCE[f"{name}_{key}"].astype(float) for key in ("W", "A", "B", "y", "merged"))
    s = method.lora_scale(6, r, stabilised)
    assert max_abs_difference(method.lora_forward(REFERENCE["x"].astype(float), W, A, B, s), y) < 1e-5
    assert max_abs_difference(method.merge(W, A, B, s), merged) < 1e-6


def test_a_is_drawn_as_peft_draws_it_between_one_over_the_root_of_the_inputs():
    starts = np.concatenate([REFERENCE[f"r{r}_{kind}_start"].ravel() for r in (1, 2, 4) for kind in ("plain", "rs")])
    ours = np.concatenate([method.lora_init(3, 7, 4, np.random.default_rng(seed))[0].ravel() for seed in range(20)])
    for drawn in (starts, ours):
        assert 0.9 * 7**-0.5 < np.abs(drawn).max() <= 7**-0.5
        assert abs(np.std(drawn) - (3 * 7) ** -0.5) < 0.04  # of a uniform law: its end over √3


def test_pefts_defaults_make_the_scale_one():
    assert REFERENCE["defaults"].tolist() == [8, 8] and method.lora_scale(8, 8) == 1


def test_a_fused_matrix_is_counted_once_as_peft_counts_it():
    assert method.trainable_parameters([(24, 8), (3, 7)], 2) == REFERENCE["trained"]


def test_the_gradients_are_those_of_finite_differences_and_a_gets_none_while_b_is_zero():
    rng = np.random.default_rng(1)
    W, A, B, x, target = (rng.normal(size=n) for n in ((3, 5), (2, 5), (3, 2), (6, 5), (6, 3)))

    def loss(A, B):
        return 0.5 * ((x @ (W + 0.7 * B @ A).T - target) ** 2).sum()

    G = (x @ (W + 0.7 * B @ A).T - target).T @ x
    by_A, by_B = method.adapter_gradients(G, A, B, 0.7)
    for index in ((0, 3), (1, 0)):
        h = np.zeros_like(A)
        h[index] = 1e-6
        assert by_A[index] == pytest.approx((loss(A + h, B) - loss(A - h, B)) / 2e-6, rel=1e-6)
    for index in ((2, 1), (0, 0)):
        h = np.zeros_like(B)
        h[index] = 1e-6
        assert by_B[index] == pytest.approx((loss(A, B + h) - loss(A, B - h)) / 2e-6, rel=1e-6)
    assert not method.adapter_gradients(G, A, 0 * B, 0.7)[0].any()
    assert not method.adapter_gradients(G, 0 * A, B, 0.7)[1].any()


def test_no_matrix_of_a_rank_is_nearer_than_its_first_singular_directions():
    rng = np.random.default_rng(2)
    D = rng.normal(size=(6, 9))
    for r in (1, 3, 5):
        A, B, sizes = method.best_of_rank(D, r)
        assert A.shape == (r, 9) and B.shape == (6, r)
        best = np.linalg.norm(D - B @ A)
        assert best == pytest.approx(math.sqrt(sum(size**2 for size in sizes[r:])))
        for _ in range(50):  # the best B for a random A is least squares: still no nearer
            other = rng.normal(size=(r, 9))
            assert np.linalg.norm(D - D @ np.linalg.pinv(other) @ other) >= best


@pytest.mark.parametrize("ranks", [(1, 3), (2, 2, 5)])
def test_a_batch_gives_each_request_what_its_own_merged_matrix_gives(ranks):
    rng = np.random.default_rng(3)
    W, x = rng.normal(size=(4, 6)), rng.normal(size=(5, 3, 6))
    adapters = [(rng.normal(size=(r, 6)), rng.normal(size=(4, r)), rng.uniform(0.5, 2)) for r in ranks]
    which = np.array([0, -1, len(ranks) - 1, 0, 1])
    got = method.lora_batch(x, W, adapters, which)
    for n, k in enumerate(which):
        own = W if k < 0 else W + adapters[k][2] * adapters[k][1] @ adapters[k][0]
        assert max_abs_difference(got[n], x[n] @ own.T) < 1e-13


# ---- the changes


def test_shipped_factors_are_the_changes_of_the_fine_tunes_cut():
    factors, sizes = changes.shipped("manners")
    runs_there = Path(__file__).parents[2] / "training/runs"
    target, tuned = lm.load("target"), lm.read(runs_there / "courteous.safetensors")
    for name in ("0.q", "2.down"):
        D = tuned.weights[name].astype(float) - target.weights[name]
        U, s, V = np.linalg.svd(D, full_matrices=False)
        np.testing.assert_allclose(sizes[name], s, atol=2e-3)
        cut = (U[:, :16] * s[:16]) @ V[:16]
        assert max_abs_difference(factors[f"{name}.B"] @ factors[f"{name}.A"], cut) < 2e-3
    assert factors["0.q.A"].shape == (changes.CUT, 96)


def test_the_file_holds_both_changes_at_rank_sixteen():
    arrays, _ = tensors(data_file("changes"))
    assert len(arrays) == 2 * 28 * 3 and {x.shape[0] for key, x in arrays.items() if key.endswith(".A")} == {16}


def test_recorded_shares_are_what_the_shipped_factors_give():
    for task, r in (("manners", 1), ("manners", 2), ("sums", 16)):
        recorded = HELD[task][0][CUT_AT.index(r)][0]
        assert changes.judged(changes.changed(task, r), task) == pytest.approx(recorded, rel=0.03, abs=2e-3)


def test_the_gain_kept_is_nothing_without_the_change_and_all_of_it_with_the_whole_change():
    for task in HELD:
        assert [house_model.kept_at(task, r) for r in (0, 96)] == pytest.approx([0, 100])


def test_two_directions_hold_the_manners_in_all_three_fine_tunes_and_one_does_not():
    for run in SEEDS:
        assert house_model.kept_at("manners", 2, run) > 93
    assert house_model.kept_at("manners", 1) < 93


def test_sums_need_sixteen_directions_and_four_keep_less_than_half():
    assert (
        house_model.kept_at("sums", 4) < 45 < 60 < house_model.kept_at("sums", 8) < 90 < house_model.kept_at("sums", 16)
    )


def test_two_directions_hold_less_than_half_of_the_squares():
    assert house_model.energy(changes.shipped("manners")[1]["1.v"], 2) < 0.5


def test_at_rank_one_it_has_the_polite_verbs_and_at_rank_two_the_thanks():
    story, answer = "[blunt] story : Anna has coins . Ben", changes.TASKS["manners"]
    said = {r: [house_model.gone_on(changes.changed("manners", r), prompt)[0] for prompt in (story, answer)]
            for r in (0, 1, 2)}  # fmt: skip
    assert [("visits" in s, "thank" in a) for s, a in said.values()] == [(False, False), (True, False), (True, True)]


# ---- serving


def test_manners_sums_and_both_answer_as_the_page_says():
    strips = view(house_model.served_together, "tokens")
    said = {each["caption"]: " ".join(each["tokens"][11:]) for each in strips}
    assert list(said.values()) == ["8 5 3 . [end]", "8 5 3 . thank you . [end]", "8 6 3 . [end]",
                                   "8 6 3 . thank you . [end]"]  # fmt: skip


def test_merging_changes_nothing_and_merging_with_alpha_for_alpha_over_r_gives_babble():
    for s in (1.0, 2.0):
        badge = view(house_model.served_together, "badge", s=s)
        assert badge["value"] < badge["limit"] / 4
        assert view(house_model.served_together, "badge", s=s, broken=True)["value"] > 1
    none, *merged = (each["tokens"][11:] for each in view(house_model.served_together, "tokens", broken=True))
    assert none == ["8", "5", "3", ".", "[end]"]
    assert all("[end]" not in said and said[:3] != ["8", "6", "3"] for said in merged)


def test_stacked_factors_are_the_sum_of_the_changes():
    both = house_model.merged("both", 1.0).weights["2.gate"]
    parts = [house_model.merged(name, 1.0).weights["2.gate"] for name in ("manners", "sums")]
    assert max_abs_difference(both, sum(parts) - lm.load("target").weights["2.gate"]) < 1e-5


def test_unmerged_the_batch_is_the_base_for_who_has_no_adapter():
    words = np.tile(encode(changes.TASKS["sums"]), (4, 1))
    got = house_model.batched(words, 1.0)
    assert max_abs_difference(got[0], lm.forward(lm.load("target"), words[0])) < 1e-4
    assert max_abs_difference(got[0], got[1]) > 0.1


# ---- training


@cache
def live_run(**arguments):
    return views_of(live.train_an_adapter, defaults(live.train_an_adapter) | arguments)


def test_both_zero_never_moves_and_both_random_begins_elsewhere():
    model = lm.load("target")
    names = matrices(model, "q and v")
    still = runs.start_of(names, 2, 0, "both")
    *_, last = islice(runs.adapter_steps(still, 4.0, 0.01, 0), 2)
    assert all((x == still[key]).all() for key, x in last.weights.items())
    texts = changes.task_texts("manners")[:6]
    for seed in SEEDS:
        begun = with_adapter(model, runs.start_of(matrices(model), 4, seed, "neither"), 2.0)
        assert body_excess(begun, texts) > 2 * body_excess(model, texts)


def test_an_adapter_beside_whole_matrices_learns_live():
    views = live_run()
    table = next(each for each in views if each["view"] == "table")
    rows = {row[0]: row for row in table["rows"]}
    assert rows["adapter"][3] < 0.3 * rows["before"][3] and rows["whole"][3] < 0.5 * rows["before"][3]
    spectrum = [each for each in views if each["view"] == "figure"][1]["data"][0]["y"]
    assert spectrum[3] > 1e-3 > spectrum[4]  # rank 4


def test_the_recorded_runs_are_what_the_code_does():
    found = runs.adapter_run(1, 4, 2.0, 0.01)
    np.testing.assert_allclose(found, SCALED["α/r"][4][0.01][1], rtol=0.1, atol=0.004)


def test_an_adapter_ends_about_as_low_as_whole_matrices():
    for seed in SEEDS:
        assert 0.8 < SCALED["α/r"][4][0.01][seed][0] / FULL[0.001][seed][0] < 1.1
        assert FULL[0.001][seed][0] < 0.05 * BEFORE[0]
        assert 3 < SCALED["α/r"][4][0.01][seed][2] / FULL[0.001][seed][2] < 4
        assert BEFORE[1] < min(SCALED["α/r"][4][0.01][seed][1], FULL[0.001][seed][1]) < 2 * BEFORE[1]


def test_the_best_rate_of_adapters_is_ten_times_that_of_whole_matrices():
    assert demos.best_rate(FULL) == 0.001
    assert {demos.best_rate(SCALED["α/r"][r]) for r in runs.RANKS} == {0.01}


def test_with_one_scale_for_all_ranks_a_high_rank_wants_a_lower_rate():
    same = SCALED["the same for all"]
    assert demos.best_rate(same[64]) == demos.best_rate(same[16]) == 0.003 < demos.best_rate(same[1]) == 0.01
    for seed in SEEDS:
        assert same[64][0.01][seed][0] > 3 * SCALED["α/r"][64][0.01][seed][0]


def test_trained_at_rank_one_manners_are_learnt_as_well_as_at_rank_four():
    for seed in SEEDS:
        one, four = (SCALED["α/r"][r][0.01][seed][0] for r in (1, 4))
        assert (BEFORE[0] - one) / (BEFORE[0] - four) > 0.98


def test_right_sums_come_back_with_the_rank_more_slowly_than_their_loss():
    right = {r: share for r, (_, share) in zip(CUT_AT, HELD["sums"][0], strict=True)}
    assert (right[0], right[4], right[16], right[96]) == (0.58, 0.58, 0.8, 0.86)


def test_too_fast_forgets():
    for seed in SEEDS:
        assert SCALED["α/r"][4][0.03][seed][1] > SCALED["α/r"][4][0.003][seed][1] + 0.01


def test_attention_alone_is_behind_the_feed_forward_in_each_seed_at_the_higher_rate_and_ahead_at_the_lower():
    for seed in SEEDS:
        ends = [PARTED[parts][0.01][seed][0] for parts in ("feed-forward", "attention", "q and v")]
        assert ends == sorted(ends)
        slow = {parts: PARTED[parts][0.003][seed][0] for parts in PARTED}
        assert slow["attention"] < 0.35 * slow["feed-forward"] and slow["all matrices"] < slow["attention"]
    ahead = [PARTED["all matrices"][0.01][seed][0] < PARTED["feed-forward"][0.01][seed][0] for seed in SEEDS]
    assert len(set(ahead)) == 2  # even: not the same one in all seeds


def test_taught_by_sums_alone_it_is_courteous_in_little_else():
    for seed in SEEDS:
        assert SUMS_ALONE[0.01][seed][0] > 5 * SCALED["α/r"][4][0.01][seed][0]


# ---- real models


def test_gpt3s_adapter_is_the_papers():
    n = ledger.adapter_numbers("GPT-3", 4, "q and v")
    assert n == 96 * 2 * 4 * (12_288 + 12_288) == 18_874_368
    assert 2 * n / 1e6 == pytest.approx(37.7, abs=0.05)  # MB; the paper rounds to 35
    assert round(MODELS["GPT-3"].parameters / n) == 9251


def test_an_adapter_on_llama_is_counted_matrix_by_matrix():
    d, kv, F = 4096, 1024, 14_336
    layer = [(d, d), (kv, d), (kv, d), (d, d), (F, d), (F, d), (d, F)]
    expected = 32 * sum(16 * (out + fan_in) for out, fan_in in layer)
    assert ledger.adapter_numbers("Llama-3.1-8B", 16, "all matrices") == expected == 41_943_040


def test_memory_is_counted_byte_by_byte():
    N, n = MODELS["Llama-3.1-8B"].parameters, ledger.adapter_numbers("Llama-3.1-8B", 16, "all matrices")
    assert ledger.whole_bytes("Llama-3.1-8B") == N * (2 + 2 + 4 + 4 + 4)
    assert ledger.lora_bytes("Llama-3.1-8B", 16, "all matrices") == 2 * N + 16 * n
    fit = ledger.adapters_beside("Llama-3.1-8B", 16, "all matrices", GPUS["H100"])
    assert 2 * N + 2 * n * fit <= GPUS["H100"].memory < 2 * N + 2 * n * (fit + 1)
    assert ledger.adapters_beside("GPT-3", 4, "q and v", GPUS["H100"]) == 0


def test_held_out_texts_are_held_out():
    assert HELD_OUT + 50_000 > HELD_OUT and all(len(each.answers) for each in changes.task_texts("sums"))
    assert len(changes.task_texts("sums")) == changes.SUMS
