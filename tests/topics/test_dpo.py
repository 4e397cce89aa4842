"""The claims of the page on direct preference optimization."""

import math
from functools import cache
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from topics.dpo import demos, method, runs, told
from topics.dpo.recorded import BEFORE, SUMS, THANKS
from topics.kit import PLAIN, lm, max_abs_difference
from topics.kit.model import policy
from topics.kit.model.autograd import Tensor, gradients
from topics.kit.page.demo import defaults, views_of

pytestmark = pytest.mark.topic("dpo")
REFERENCE = np.load(Path(__file__).parents[1] / "reference/dpo.npz")
SEEDS = (0, 1, 2)


def view(demo, kind, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind]
    return found if len(found) > 1 else found[0]


def slow_margin(n, averaged=False):
    """The margin of a pair of the reference file, token by token."""
    pi, ref, mask = (REFERENCE[key][n] for key in ("pi", "ref", "mask"))
    m = 0.0
    for row, sign in ((0, 1), (1, -1)):
        gained = sum(pi[row, t] - ref[row, t] for t in range(pi.shape[1]) if mask[row, t])
        m += sign * gained / (mask[row].sum() if averaged else 1)
    return m


def sums_of(n):
    """Summed log-probabilities of a pair: chosen, rejected, ref_chosen, ref_rejected, and the two lengths."""
    pi, ref, mask = (REFERENCE[key][n] for key in ("pi", "ref", "mask"))
    return *(pi * mask).sum(1), *(ref * mask).sum(1), *mask.sum(1)


# ---- the losses


@pytest.mark.parametrize("n", range(6))
def test_the_loss_is_that_of_trl_summed_over_tokens(n):
    chosen, rejected, ref_chosen, ref_rejected, *_ = sums_of(n)
    beta = float(REFERENCE["beta"])
    got = method.dpo_loss(chosen, rejected, ref_chosen, ref_rejected, beta)
    assert got == pytest.approx(float(REFERENCE["sigmoid"][n]), abs=1e-12)
    assert got == pytest.approx(math.log1p(math.exp(-beta * slow_margin(n))), abs=1e-12)
    implicit = [method.implicit_reward(*two, beta) for two in ((chosen, ref_chosen), (rejected, ref_rejected))]
    assert implicit == pytest.approx([REFERENCE["rewards/chosen"][n], REFERENCE["rewards/rejected"][n]])
    assert float(implicit[0] > implicit[1]) == REFERENCE["rewards/accuracies"][n]


@pytest.mark.parametrize("n", range(6))
def test_trl_divides_by_lengths_for_ipo_and_length_normalised_dpo(n):
    chosen, rejected, ref_chosen, ref_rejected, T_c, T_d = sums_of(n)
    beta = float(REFERENCE["beta"])
    per_token = slow_margin(n, averaged=True)
    assert method.ipo_loss(per_token, beta) == pytest.approx(float(REFERENCE["ipo"][n]), abs=1e-12)
    got = method.length_normalised_dpo(chosen, rejected, ref_chosen, ref_rejected, T_c, T_d, beta)
    assert got == pytest.approx(float(REFERENCE["sigmoid_norm"][n]), abs=1e-12)


@pytest.mark.parametrize("n", range(6))
def test_smoothed_robust_and_simpo_are_trls(n):
    beta, eps, m = float(REFERENCE["beta"]), float(REFERENCE["eps"]), slow_margin(n)
    assert method.robust_loss(m, beta, eps) == pytest.approx(float(REFERENCE["robust"][n]), abs=1e-12)
    smoothed = float(REFERENCE["aot"][n])  # TRL's aot of one pair, which has nothing to sort, is DPO with smoothing
    assert method.smoothed_loss(m, beta, eps) == pytest.approx(smoothed, abs=1e-12)
    chosen, rejected, _, _, T_c, T_d = sums_of(n)
    got = method.simpo_loss(chosen, rejected, T_c, T_d)
    assert got == pytest.approx(float(REFERENCE["simpo"][n]), abs=1e-12)


def test_trls_default_loss_pays_no_heed_to_label_smoothing():
    assert float(REFERENCE["eps"]) == 0.2  # the trainer was told
    plain = [math.log1p(math.exp(-float(REFERENCE["beta"]) * slow_margin(n))) for n in range(6)]
    assert max_abs_difference(REFERENCE["sigmoid"], plain) < 1e-12
    assert REFERENCE["defaults"].tolist() == [0.1, 1e-6, 1024, 0.0, 0.5]


def test_a_tensor_has_the_gradient_that_the_page_tells():
    rng = np.random.default_rng(0)
    four = -rng.exponential(5.0, (4, 9))
    tensors = [Tensor(x) for x in four]
    by_chosen, by_rejected, *_ = gradients(method.dpo_loss(*tensors, 0.3).sum(), tensors)
    for n in range(9):
        h = np.zeros(9)
        h[n] = 1e-6
        slope = (method.dpo_loss(four[0] + h, *four[1:], 0.3) - method.dpo_loss(four[0] - h, *four[1:], 0.3))[n] / 2e-6
        pull = method.pull(*four[:, n], beta=0.3)
        assert slope == pytest.approx(pull, abs=1e-8)
        assert by_chosen[n] == pytest.approx(pull, abs=1e-12) and by_rejected[n] == pytest.approx(-pull, abs=1e-12)


def test_the_loss_starts_at_log_two_on_any_data_and_stays_finite_at_any_margin():
    rng = np.random.default_rng(1)
    chosen, rejected = -rng.exponential(20.0, (2, 50))
    assert max_abs_difference(method.dpo_loss(chosen, rejected, chosen, rejected), np.full(50, math.log(2))) < 1e-15
    assert method.dpo_loss(-1e5, 0.0, 0.0, 0.0) == pytest.approx(1e4) and method.dpo_loss(1e5, 0.0, 0.0, 0.0) == 0
    assert method.pull(1e5, 0.0, 0.0, 0.0) == 0 and method.pull(-1e5, 0.0, 0.0, 0.0) == -0.1


@pytest.mark.parametrize("eps", [0.05, 0.2, 0.4])
def test_robust_in_the_mean_over_flips_is_dpo_without_flips(eps):
    for m in (-8.0, 0.0, 3.0, 40.0):
        mean = (1 - eps) * method.robust_loss(m, 0.3, eps) + eps * method.robust_loss(-m, 0.3, eps)
        assert mean == pytest.approx(math.log1p(math.exp(-0.3 * m)), abs=1e-12)


def test_the_reward_read_out_of_the_optimum_is_the_reward_but_for_a_constant():
    rng = np.random.default_rng(2)
    for beta in (0.1, 1.0, 5.0):
        log_ref, r = np.log(rng.dirichlet(np.ones(6))), rng.normal(size=6)
        weights = [math.exp(log_ref[n] + r[n] / beta) for n in range(6)]
        best = method.optimal_policy(log_ref, r, beta)
        assert max_abs_difference(best, np.array(weights) / sum(weights)) < 1e-14
        off = method.implicit_reward(np.log(best), log_ref, beta) - r
        assert np.ptp(off) < 1e-9
        for _ in range(50):  # and no other policy has more of E[r] − β·KL
            worse, most = (p @ (r - beta * (np.log(p) - log_ref)) for p in (rng.dirichlet(np.ones(6)), best))
            assert worse <= most + 1e-12


# ---- eight answers


def test_the_push_of_features_is_the_gradient_by_finite_differences():
    rng = np.random.default_rng(3)
    phi, log_ref, theta = rng.normal(size=(5, 3)), np.log(rng.dirichlet(np.ones(5))), rng.normal(size=3)

    def loss(theta):
        z = phi @ theta
        return math.log1p(math.exp(-0.4 * (z[1] - z[3] - log_ref[1] + log_ref[3])))

    got = method.feature_gradient(theta, phi, log_ref, 1, 3, 0.4)
    for k, h in enumerate(1e-6 * np.eye(3)):
        assert got[k] == pytest.approx((loss(theta + h) - loss(theta - h)) / 2e-6, abs=1e-8)


def test_displacement_is_how_log_probabilities_move_in_a_small_step():
    rng = np.random.default_rng(4)
    phi, theta = rng.normal(size=(6, 2)), rng.normal(size=2)
    before = method.log_policy(theta, phi)
    moved = method.log_policy(theta + 1e-6 * (phi[0] - phi[4]), phi)
    assert max_abs_difference((moved - before) / 1e-6, method.displacement(np.exp(before), phi, 0, 4)) < 1e-5


def test_the_chosen_answer_falls_beside_the_rejected_one_and_rises_opposite_it():
    beside, two, opposite = (np.exp(demos.ring_walk(n, 400, 0.5)[-1]) for n in (1, 2, 4))
    assert beside[0] < 0.01 and beside[6] == pytest.approx(beside[7], abs=1e-9) and beside[6] > 0.49  # G and H
    assert 0.1 < two[0] < 0.125 < opposite[0] and 0.65 < opposite[0] < 0.75
    assert np.exp(demos.ring_walk(1, 400, 0.5, apart=True)[-1])[0] > 0.9


def test_with_a_logit_of_its_own_the_chosen_answer_never_falls():
    for rejected in range(1, 8):
        assert (np.diff(demos.ring_walk(rejected, 100, 0.5, apart=True)[:, 0]) > 0).all()
    rng = np.random.default_rng(5)
    for _ in range(50):
        p = rng.dirichlet(np.ones(6))
        push = method.displacement(p, np.eye(6), 2, 4)
        assert push[2] == pytest.approx(1 - p[2] + p[4]) and push[2] > 0


def test_dpo_on_every_pair_ends_at_the_optimum_for_every_beta():
    for beta in demos.on_the_frontier.controls["beta"].stops:
        assert max_abs_difference(told.landed(beta), told.best(beta)) < 1e-6
        assert view(demos.on_the_frontier, "badge", beta=beta)["value"] < 1e-6


def test_few_comparisons_end_below_the_optimum_and_more_of_them_less():
    short = [told.short_of_optimum(0.5, n) for n in (1000, 100, 30)]
    assert 0 < short[0] < 0.03 < short[1] < short[2]


def test_without_the_reference_it_lands_on_the_softmax_of_the_reward_below_the_frontier():
    for beta in (0.5, 1.0, 4.0):
        away = np.exp(demos.dpo_walk(beta, None, True)[-1])
        home = [math.exp(r / beta) for r in demos.REWARD]
        assert max_abs_difference(away, np.array(home) / sum(home)) < 1e-6
        kl, reward = told.landed(beta, None, True)
        assert reward < told.frontier_at(kl) - 0.01


# ---- how far to push


def test_every_loss_rests_where_its_mean_over_labels_is_least():
    grid = np.linspace(-60, 60, 120_001)
    for q, eps in ((0.8, 0.1), (0.95, 0.3), (0.5, 0.2)):
        seen = q * (1 - eps) + (1 - q) * eps
        losses = {
            "DPO": lambda m: np.log1p(np.exp(-0.1 * m)),
            "smoothed": lambda m, eps=eps: method.smoothed_loss(m, 0.1, eps),
            "robust": lambda m, eps=eps: method.robust_loss(m, 0.1, eps),
            "IPO": lambda m: method.ipo_loss(m, 0.1),
        }
        for name, loss in losses.items():
            least = grid[np.argmin(seen * loss(grid) + (1 - seen) * loss(-grid))]
            assert demos.resting(name, q, eps, 0.1) == pytest.approx(least, abs=2e-3)


def test_a_sure_judge_drives_dpo_without_end_and_flips_stop_it_at_22_nats():
    assert demos.resting("DPO", 1.0, 0.0, 0.1) == math.inf and demos.margins(1.0, 0.0, 0.1)["DPO"][-1] > 40
    assert demos.margins(1.0, 0.1, 0.1)["DPO"][-1] == pytest.approx(math.log(9) / 0.1, abs=0.01)
    walks = demos.margins(1.0, 0.1, 0.1)
    assert walks["IPO"][-1] < walks["smoothed"][-1] < walks["DPO"][-1] < walks["robust"][-1]
    assert max_abs_difference(walks["robust"], demos.margins(1.0, 0.0, 0.1)["DPO"]) == 0


def test_the_first_step_of_a_sure_label_is_half_a_nat_under_every_loss():
    assert {round(float(walk[1]), 12) for walk in demos.margins(1.0, 0.0, 0.5).values()} == {0.5}


# ---- the house model


@cache
def thanks_pairs():
    return runs.thanks(lm.load("draft"), 8, np.random.default_rng(0))


def test_log_probabilities_are_sums_over_the_answer_alone_its_end_counted():
    pairs, model = thanks_pairs(), lm.load("draft")
    for n in (0, 5):
        for answers, mask, got in ((pairs.chosen, pairs.chosen_mask, pairs.ref_chosen),
                                   (pairs.rejected, pairs.rejected_mask, pairs.ref_rejected)):  # fmt: skip
            words = [*pairs.prompts[n], *answers[n][mask[n]]]
            logits = lm.forward(model, np.array(words)).astype(float)
            slow = 0.0
            for t in range(len(pairs.prompts[n]), len(words)):
                row = logits[t - 1]
                slow += row[words[t]] - row.max() - math.log(np.exp(row - row.max()).sum())
            assert got[n] == pytest.approx(slow, abs=1e-4)


def test_pairs_of_thanks_differ_in_thanks_alone():
    pairs = thanks_pairs()
    for prompt, c, d, c_mask, d_mask in zip(pairs.prompts, pairs.chosen, pairs.rejected, pairs.chosen_mask,
                                            pairs.rejected_mask, strict=True):  # fmt: skip
        asked, polite, plain = (policy.decode(words) for words in (prompt, c[c_mask], d[d_mask]))
        assert policy.right(asked, polite) and policy.right(asked, plain)
        assert policy.thanked(asked, polite) and not policy.thanked(asked, plain)
        assert polite[-1] == plain[-1] == "[end]"  # it is taught when to stop
        assert [word for word in polite if word not in ("thank", "you")] == [*plain[:-1], ".", plain[-1]]


def test_pairs_of_sums_are_the_models_own_right_and_wrong_answers():
    *counts, pairs = runs.right_or_wrong(lm.load("target"), 12, np.random.default_rng(0))
    assert len(pairs) == 12 == counts[-1]
    for prompt, c, d, c_mask, d_mask in zip(pairs.prompts, pairs.chosen, pairs.rejected, pairs.chosen_mask,
                                            pairs.rejected_mask, strict=True):  # fmt: skip
        asked = policy.decode(prompt)
        assert policy.right(asked, policy.decode(c[c_mask])) and not policy.right(asked, policy.decode(d[d_mask]))


def test_the_recorded_thanks_are_what_the_code_does():
    for seed in SEEDS:
        found = [x for x, _ in islice(runs.thanks_run(seed), 3)]
        np.testing.assert_allclose(found, THANKS[seed][:3], atol=0.02)


def test_reward_accuracy_is_whole_after_one_step_when_nobody_is_thanked():
    for run in THANKS:
        assert run[0][told.ACCURACY] == 0 and run[1][told.ACCURACY] == 1 and run[1][told.THANKED] == 0
        assert run[10][told.THANKED] < 0.1 and run[30][told.THANKED] == 1
        assert run[0][told.LOG_CHOSEN] < -10 < run[30][told.LOG_REJECTED] + 1 < run[0][told.LOG_REJECTED]


def test_the_chosen_answer_rises_where_the_pair_differs_plainly():
    for run in THANKS:
        chosen = [found[told.LOG_CHOSEN] for found in run]
        assert chosen[-1] > -0.1 and all(later > earlier - 0.05 for earlier, later in pairwise(chosen))


def test_right_and_wrong_answers_fall_together_and_the_model_adds_worse():
    for seed, (before, _, after, _, right) in enumerate(SUMS["DPO"][0.0005]):
        assert after[0] < before[0] - 0.3 and after[1] < before[1] - 2
        assert after[0] - after[1] > before[0] - before[1] + 2  # the margin grows
        assert right < 0.7 * BEFORE[seed]


def test_no_run_adds_better_beyond_noise():
    noise = math.sqrt(0.25 / 200 * 2)
    better = [run[told.RIGHT] - BEFORE[seed] for rates in SUMS.values() for three in rates.values()
              for seed, run in enumerate(three)]  # fmt: skip
    assert len(better) == 18 and max(better) < 2 * noise
    assert 0.04 < noise < 0.06  # "about 5 points"


# ---- real models, and the questions


def test_memory_is_counted_model_by_model():
    N = PLAIN["Llama-3.1-8B"].parameters
    assert demos.recipe_bytes("Llama-3.1-8B", "DPO") == 16 * N + 2 * N
    assert demos.recipe_bytes("Llama-3.1-8B", "PPO") == 2 * 16 * N + 2 * 2 * N
    assert demos.recipe_bytes("Llama-3.1-8B", "SimPO") == 16 * N
    assert demos.recipe_bytes("Llama-3.1-8B", "DPO, reference kept") == 16 * N
    assert demos.recipe_bytes("Llama-3.1-8B", "DPO, adapter") == 2 * N


def test_the_answers_to_the_questions():
    m = (-6.9 + 16.9) - (-0.20 + 0.17)
    loss = math.log1p(math.exp(-0.1 * m))
    assert m == pytest.approx(10.03) and loss < math.log(2)
    assert method.dpo_loss(-6.9, -0.2, -16.9, -0.17) == pytest.approx(loss)
    assert method.optimal_policy(np.log([0.01, 0.99]), np.log([9, 1]), 1.0)[0] == pytest.approx(9 / (9 + 99))
    assert method.length_normalised_dpo(20.0, 4.0, 0.0, 0.0, 200, 20) == pytest.approx(math.log1p(math.exp(5 * 0.1)))
    assert method.dpo_loss(20.0, 4.0, 0.0, 0.0) < math.log(2) < method.length_normalised_dpo(20.0, 4.0, 0, 0, 200, 20)
