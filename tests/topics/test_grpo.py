"""The claims of the page on GRPO."""

import json
import math
from itertools import combinations, islice, product
from pathlib import Path

import numpy as np
import pytest

from topics.grpo import demos, groups, live, many_runs, method, practice
from topics.grpo.recorded import AT_ONCE, RUNS, SOLVED, TRIES
from topics.kit import max_abs_difference
from topics.kit.model.autograd import Tensor, gradients
from topics.kit.page.demo import defaults, views_of

pytestmark = pytest.mark.topic("grpo")
REFERENCE = np.load(Path(__file__).parents[1] / "reference/grpo.npz")
LOG_PI, LOG_OLD, LOG_REF, A, MASK = (REFERENCE[key] for key in ("log_pi", "log_old", "log_ref", "A", "mask"))
LONGEST = int(REFERENCE["longest"])
LOSSES = {  # of log_pi, as the reference was made
    "grpo": lambda x: method.grpo_loss(x, LOG_OLD, A, MASK),
    "grpo_kl": lambda x: method.grpo_loss(x, LOG_OLD, A, MASK, LOG_REF, beta=0.04),
    "dapo": lambda x: method.dapo_loss(x, LOG_OLD, A, MASK),
    "dr_grpo": lambda x: method.dr_grpo_loss(x, LOG_OLD, A, MASK, LONGEST),
    "cispo": lambda x: method.cispo_loss(x, LOG_OLD, A, MASK, 1.5),
    "gspo": lambda x: -method.clipped_gain(method.gspo_ratio(x, LOG_OLD, MASK), A, 0.03, 0.04).mean(),
}


def view(demo, kind, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind]
    return found if len(found) > 1 else found[0]


# ---- losses


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_their_gradients_are_those_of_trl(name):
    x = Tensor(LOG_PI)
    loss = LOSSES[name](x)
    assert float(loss.value) == pytest.approx(float(REFERENCE[f"{name}_loss"]), abs=1e-12)
    assert max_abs_difference(gradients(loss, [x])[0], REFERENCE[f"{name}_gradient"]) < 1e-12
    assert float(LOSSES[name](LOG_PI)) == float(loss.value)  # arrays and Tensors alike


@pytest.mark.parametrize(("by", "low", "high"), [("answer", 0.2, 0.2), ("token", 0.2, 0.28), ("constant", 0.1, 0.3)])
def test_a_loss_is_a_plain_sum_over_words(by, low, high):
    rng = np.random.default_rng(1)
    N, T = 5, 7
    log_old, mask = -rng.exponential(size=(N, T)), np.arange(T) < rng.integers(1, T + 1, N)[:, None]
    log_pi, A = log_old + rng.normal(0, 0.5, (N, T)), rng.normal(size=N)
    slow = 0.0
    for i, t in product(range(N), range(T)):
        if mask[i, t]:
            ratio = math.exp(log_pi[i, t] - log_old[i, t])
            gain = min(ratio * A[i], min(max(ratio, 1 - low), 1 + high) * A[i])
            slow -= gain / {"answer": N * mask[i].sum(), "token": mask.sum(), "constant": N * 20}[by]
    ours = -method.aggregate(method.clipped_gain(np.exp(log_pi - log_old), A, low, high), mask, by, 20)
    assert float(ours) == pytest.approx(slow, abs=1e-12)


def test_with_one_step_a_batch_clipping_changes_nothing():
    plain = Tensor(LOG_OLD)
    expected = gradients(-method.aggregate(A[:, None] * plain, MASK, "token"), [plain])[0]
    for eps in (0.2, 0.001, 10.0):
        x = Tensor(LOG_OLD)
        assert max_abs_difference(gradients(method.dapo_loss(x, LOG_OLD, A, MASK, eps, eps), [x])[0], expected) < 1e-15
    x = Tensor(LOG_OLD)
    assert max_abs_difference(gradients(method.cispo_loss(x, LOG_OLD, A, MASK), [x])[0], expected) < 1e-15


def test_a_word_loses_its_gradient_in_two_cases_of_four_and_under_cispo_in_none():
    mask = np.ones((1, 1), bool)
    for ratio, sign, stops in ((1.5, 1, True), (1.5, -1, False), (0.5, 1, False), (0.5, -1, True)):
        for loss, quiet in ((method.dapo_loss, stops), (method.cispo_loss, False)):
            x = Tensor(np.log([[ratio]]))
            g = gradients(loss(x, np.zeros((1, 1)), np.array([1.0 * sign]), mask), [x])[0]
            assert (g == 0).all() == quiet


def test_what_is_padding_counts_for_nothing():
    other = np.where(MASK, LOG_PI, 5.0)
    for name in LOSSES:
        x = Tensor(other)
        assert float(LOSSES[name](other)) == pytest.approx(float(LOSSES[name](LOG_PI)), abs=1e-12)
        assert not gradients(LOSSES[name](x), [x])[0][~MASK].any()


def test_gspos_ratio_is_the_geometric_mean_of_its_words_ratios():
    for i in range(len(MASK)):
        words = [math.exp(LOG_PI[i, t] - LOG_OLD[i, t]) for t in range(MASK.shape[1]) if MASK[i, t]]
        assert method.gspo_ratio(LOG_PI, LOG_OLD, MASK)[i, 0] == pytest.approx(math.prod(words) ** (1 / len(words)))


# ---- advantages


def test_advantages_are_those_of_trl_and_a_silent_group_gets_zeros():
    r = REFERENCE["rewards"]
    assert max_abs_difference(method.group_advantages(r), REFERENCE["advantages_group"]) < 1e-6
    assert max_abs_difference(method.group_advantages(r, "batch"), REFERENCE["advantages_batch"]) < 1e-6
    assert not method.group_advantages(r)[2].any()


def test_advantages_of_a_group_sum_to_zero_and_the_leave_one_out_ones_are_longer_by_g_over_g_minus_one():
    r = np.random.default_rng(0).normal(size=(5, 7))
    for scale in ("group", "batch", "none"):
        assert np.abs(method.group_advantages(r, scale).sum(1)).max() < 1e-12
        assert max_abs_difference(method.group_advantages(r + 3, scale), method.group_advantages(r, scale)) < 1e-12
    for i, j in np.ndindex(5, 7):
        others = [r[i, k] for k in range(7) if k != j]
        assert method.leave_one_out(r)[i, j] == pytest.approx(r[i, j] - sum(others) / 6)
    assert max_abs_difference(method.leave_one_out(r), 7 / 6 * method.group_advantages(r, "none")) < 1e-12


def test_one_right_answer_of_eight_is_worth_two_and_a_half_four_are_worth_less_than_one():
    A = method.group_advantages(groups.rewards_of(8))
    assert [round(A[k, 0], 2) for k in (1, 4, 7)] == [2.47, 0.94, 0.35]


@pytest.mark.parametrize(("p", "percent"), [(0.05, 66), (0.25, 10), (0.5, 0.8)])
def test_groups_are_silent_as_often_as_counting_says(p, percent):
    slow = sum(
        math.prod(p if right else 1 - p for right in group)
        for group in product((0, 1), repeat=8)
        if len(set(group)) == 1
    )
    assert method.silent(p, 8) == pytest.approx(slow)
    assert round(100 * slow, 0 if percent > 1 else 1) == percent


# ---- what groups do in the mean


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("name", groups.BASELINES)
def test_a_baselines_mean_and_spread_are_those_of_all_groups_written_out(p, name):
    G, added, pushes, law = 4, 2.0, [], []
    for group in product((0.0, 1.0), repeat=G):
        law.append(math.prod(p if right else 1 - p for right in group))
        total = 0.0
        for i in range(G):
            others = [group[j] + added for j in range(G) if j != i]
            taken = {"none": 0.0, "true mean": p + added, "group's mean": sum(group) / G + added,
                     "mean of the others": sum(others) / (G - 1)}[name]  # fmt: skip
            total += (group[i] + added - taken) * (group[i] - p) / G
        pushes.append(total)
    mean = sum(w * x for w, x in zip(law, pushes, strict=True))
    off = math.sqrt(sum(w * (x - mean) ** 2 for w, x in zip(law, pushes, strict=True)))
    assert groups.spread(p, G, name, added) == pytest.approx((mean, off), abs=1e-12)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_only_the_groups_own_mean_shortens_the_push(p):
    for G in (2, 8):
        for name in groups.BASELINES:
            shorter = (G - 1) / G if name == "group's mean" else 1
            assert groups.spread(p, G, name)[0] == pytest.approx(p * (1 - p) * shorter)


def test_what_is_added_to_all_rewards_is_noise_without_a_baseline_and_nothing_with_one():
    for name in groups.BASELINES:
        calm, loud = groups.spread(0.25, 8, name)[1], groups.spread(0.25, 8, name, 10.0)[1]
        assert loud > 10 * calm if name == "none" else loud == pytest.approx(calm)


def test_a_baseline_is_not_always_quieter_than_none():
    assert groups.spread(0.9, 8, "none")[1] < 0.2 * groups.spread(0.9, 8, "group's mean")[1]
    assert groups.spread(0.25, 8, "none")[1] > 1.3 * groups.spread(0.25, 8, "mean of the others")[1]


def test_dividing_lifts_hard_questions_by_one_over_the_deviation_and_never_by_more_than_the_root_of_the_group():
    for p in (0.1, 0.3, 0.5):
        lift = groups.mean_push(p, 512, "group") / groups.mean_push(p, 512, "none")
        assert lift == pytest.approx(1 / math.sqrt(p * (1 - p)), rel=0.01)
    for p in (0.01, 0.1, 0.5, 0.9):  # a group that speaks has a deviation of 1/√G at least
        lift = groups.mean_push(p, 8, "group") / groups.mean_push(p, 8, "none")
        assert lift < math.sqrt(8) and (p != 0.01 or lift > 0.98 * math.sqrt(8))


def test_each_rule_weighs_words_as_a_plain_count_says():
    assert groups.pulls([10, 10, 100, 100], "answer", 128).tolist() == [0.025, 0.025, 0.0025, 0.0025]
    assert groups.pulls([10, 10, 100, 100], "token", 128) == pytest.approx([1 / 220] * 4)
    assert groups.pulls([10, 10, 100, 100], "constant", 128) == pytest.approx([1 / 512] * 4)
    lengths = MASK.sum(1)
    for by in ("answer", "token", "constant"):
        x = Tensor(np.zeros(MASK.shape))
        each = gradients(method.aggregate(x, MASK, by, LONGEST), [x])[0]
        assert max_abs_difference(each, groups.pulls(lengths, by, LONGEST)[:, None] * MASK) < 1e-15


def test_where_words_are_summed_first_the_first_two_rules_are_one():
    rows = {row[0]: row[1:] for row in view(demos.length_weighs, "table", broken=True)["rows"]}
    assert rows["each answer"] == rows["all words"]
    rows = {row[0]: row[1:] for row in view(demos.length_weighs, "table")["rows"]}
    assert rows["each answer"][0] == pytest.approx(10 * rows["each answer"][1])
    assert rows["all words"][0] == rows["all words"][1]
    assert rows["all words"][3] == pytest.approx(10 * rows["all words"][2])  # long answers weigh more


# ---- the policy


def test_at_first_the_policy_answers_at_once_or_works_it_out_and_is_paid_for_the_end_alone():
    rng = np.random.default_rng(0)
    batch = practice.attempted(practice.start(), "right sums", 8, rng, answers=64)
    prompts, answers = batch.rolled.texts()
    assert 0.1 < batch.worked.mean() < 0.5 and batch.right.mean() < 0.5
    for n, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        assert prompt == prompts[n // 8 * 8]  # a group has one question
        a, sign, b = "".join(prompt[3:]).partition("+" if "+" in prompt else "-")
        end = "".join(answer[len(answer) - answer[::-1].index("=") :]) if "=" in answer else ""
        wanted = int(a) + int(b) if sign == "+" else int(a) - int(b)
        assert batch.r[n] == batch.right[n] == (end == f"{wanted}.[end]")
        assert batch.worked[n] == (answer[0] == ";")
    assert abs(practice.kl_from(practice.start(), batch.rolled)) < 1e-4


def test_rewards_of_the_control_do_not_look_at_answers():
    rng = np.random.default_rng(0)
    rolled = practice.attempted(practice.start(), "few words", 8, rng, answers=16).rolled
    assert (
        practice.by_a_coin(rolled, np.random.default_rng(5)).tolist()
        == np.random.default_rng(5).integers(0, 2, 16).tolist()
    )
    assert practice.for_few_words(rolled, rng).argmax() == rolled.lengths.argmin()


def test_in_a_few_steps_it_learns_to_work_its_sums_out_for_the_end_alone():
    seen = [batch.worked.mean() for batch, _ in islice(practice.steps("right sums", 8, np.random.default_rng(1)), 7)]
    assert seen[0] < 0.5 < 0.7 < seen[-1]
    run = RUNS["right sums"][1][many_runs.WORKED]
    assert seen[0] == pytest.approx(run[0], abs=1e-3) and seen[-1] == pytest.approx(run[6], abs=0.35)


# ---- recorded


def test_all_six_seeds_learn_to_work_from_right_sums_and_none_from_few_words():
    for run in RUNS["right sums"]:
        assert many_runs.last(run, many_runs.WORKED) > 0.97 and run[many_runs.WORKED][0] < 0.4
        assert many_runs.last(run, many_runs.RIGHT) > 0.6 and run[many_runs.RIGHT][0] < 0.3
        assert min(run[many_runs.WORKED][10:]) > 0.9  # in ten steps
    for run in RUNS["few words"]:
        assert many_runs.last(run, many_runs.WORKED) < 0.03


def test_a_coin_moves_habits_one_way_or_the_other():
    ends = [many_runs.last(run, many_runs.WORKED) for run in RUNS["a coin"]]
    assert min(ends) < 0.05 and max(ends) > 0.6


def test_working_is_chosen_not_taught():
    for before, after, told in zip(SOLVED["before"], SOLVED["after"], SOLVED["told to explain"], strict=True):
        one = [np.mean(c) / TRIES for c in (before, after, told)]
        assert one[0] < 0.3 and one[1] > 0.7 and abs(one[1] - one[2]) < 0.1
        assert np.mean(np.array(told) > 0) > 0.95  # with 64 tries it could all along


def test_a_skill_hardly_grows_in_as_many_steps():
    for run in AT_ONCE:
        assert abs(run[-1] - run[0]) < 0.15


def test_tries_are_counted_as_all_choices_of_k_would_say():
    n, c = 7, np.array([0, 2, 5, 7])
    for k in (1, 3, 7):
        slow = []
        for right in c:
            chosen = list(combinations([i < right for i in range(n)], k))
            slow.append(sum(any(some) for some in chosen) / len(chosen))
        assert practice.solved_within(c, n, k) == pytest.approx(np.mean(slow))


# ---- memory


def test_memory_is_sixteen_bytes_a_trained_number_and_two_a_frozen_one():
    n = 8_030_261_248
    assert demos.held("Llama-3.1-8B", 2, 1) == pytest.approx((2 * 16 + 2) * n / 1e9)


def test_in_the_recorded_runs_first_group_only_the_answer_that_worked_was_right():
    kept = json.loads((Path(__file__).parents[2] / "topics/recorded/grpo.learns_to_work.json").read_text())["views"]
    rows = next(each for each in kept if each["view"] == "table")["rows"]
    for won, lost in (rows[:2], rows[2:]):
        assert won[:2] == lost[:2] and (won[3], lost[3]) == (1, 0) and won[4] > 0 > lost[4]
    assert rows[0][2].startswith(";") and not rows[1][2].startswith(";") and round(rows[0][4], 2) == 2.47  # one of 8
    assert rows[2][0] == live.STEPS and rows[2][2].startswith(";")
    right, worked = next(each for each in kept if each["view"] == "figure")["data"]
    assert min(worked["y"][10:]) > 95 and right["y"][-1] > 80  # in ten steps; it ends where the story does


def test_the_coin_scatters_and_the_two_runs_that_came_to_an_end_stayed_near_it():
    ends = sorted(many_runs.last(run, many_runs.WORKED) for run in RUNS["a coin"])
    assert ends[0] < 0.02 and ends[-1] > 0.99 and sum(0.05 < x < 0.8 for x in ends) == 4
