"""The claims of the page on RLHF."""

from itertools import product
from math import exp, log
from pathlib import Path

import numpy as np
import pytest

from topics.kit import lm, max_abs_difference
from topics.kit.model.policy import averaged, checked, log_probs, policy_gradient, rollout, sums, thanked
from topics.kit.model.training import loss_and_gradients
from topics.kit.page.demo import defaults, views_of
from topics.rlhf import demos, house_model, judges, ledger, live, practice
from topics.rlhf.method import (
    best_of_n,
    best_of_n_kl,
    best_of_n_kl_bound,
    bradley_terry_loss,
    fit_reward_model,
    kl_estimators,
    kl_gradient,
    rlhf_objective,
    tilted_policy,
)
from topics.rlhf.recorded import BROKEN, LANDED, WALKS

pytestmark = pytest.mark.topic("rlhf")
SEEDS = (0, 1, 2)
REFERENCE = np.load(Path(__file__).parents[1] / "reference/rlhf.npz")


def some_policies(seed, N=6):
    rng = np.random.default_rng(seed)
    return np.log(rng.dirichlet(np.ones(N))), np.log(rng.dirichlet(np.ones(N)))


def true_kl(log_p, log_q):
    return sum(exp(a) * (a - b) for a, b in zip(log_p, log_q, strict=True))


def log_softmax(z):
    return z - log(sum(exp(x) for x in z))


def slope(of, z):
    """A gradient by central differences."""
    return np.array([(of(z + h) - of(z - h)) / 2e-6 for h in 1e-6 * np.eye(len(z))])


# ---- rewards from comparisons


def test_the_loss_of_a_comparison_is_the_log_of_the_odds_and_a_constant_changes_nothing():
    assert bradley_terry_loss(np.array([log(3.0)]), np.array([0.0])) == pytest.approx(-log(3 / 4))
    rng = np.random.default_rng(0)
    c, r = rng.normal(size=(2, 5))
    slow = sum(-log(1 / (1 + exp(b - a))) for a, b in zip(c, r, strict=True)) / 5
    assert bradley_terry_loss(c, r) == pytest.approx(slow)
    assert bradley_terry_loss(c + 7, r + 7) == pytest.approx(slow)
    assert bradley_terry_loss(np.array([0.0]), np.array([2000.0])) == 2000


def test_the_loss_is_the_one_that_trl_trains_reward_models_by():
    chosen, rejected = REFERENCE["chosen"], REFERENCE["rejected"]
    assert bradley_terry_loss(chosen, rejected) == pytest.approx(float(REFERENCE["loss"]), rel=1e-12)
    centred = bradley_terry_loss(chosen, rejected) + 0.01 * np.mean((chosen + rejected) ** 2)
    assert centred == pytest.approx(float(REFERENCE["centred"]), rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_fitted_reward_is_where_no_step_lowers_the_loss(seed):
    chosen, rejected = demos.judged(40, 1.0, 20, seed)
    w = fit_reward_model(chosen, rejected, decay=0.05)

    def penalised(v):
        return bradley_terry_loss(chosen @ v, rejected @ v) + 0.05 * v @ v / 2

    assert np.abs(slope(penalised, w)).max() < 1e-8
    # what both answers of a pair share gets no weight
    more = np.ones((len(chosen), 1))
    assert fit_reward_model(np.hstack([chosen, more]), np.hstack([rejected, more]), decay=0.05)[-1] == 0


def test_a_judge_half_as_sure_halves_the_weights():
    for seed in SEEDS:
        half, whole = (demos.fitted(640, sure, 0, seed) for sure in (0.5, 1.0))
        assert 0.4 < np.linalg.norm(half) / np.linalg.norm(whole) < 0.65
        assert np.all(np.abs(half[:2] / whole[:2] - 0.5) < 0.15)  # those of weight that one sees


def test_more_comparisons_rank_better_and_flipped_labels_cost_most_of_them():
    many, few, flipped = ([demos.wrong(demos.fitted(n, 1.0, flips, seed)) for seed in range(8)]
                          for n, flips in ((640, 0), (20, 0), (640, 40)))  # fmt: skip
    assert max(many) < 0.04 < 0.08 < np.mean(few)
    assert 0.5 < np.mean(flipped) / np.mean(few) < 2  # 640 with 40 % flipped are worth some tens
    for seed in SEEDS:
        sizes = [np.linalg.norm(demos.fitted(640, 1.0, flips, seed)) for flips in (0, 40)]
        assert sizes[1] < 0.35 * sizes[0]


def test_the_share_ranked_wrongly_is_what_a_count_finds():
    w, rng = np.array([1.0, 1.0, -0.5, 0.3]), np.random.default_rng(0)
    x = rng.normal(size=(40_000, 4))
    assert demos.wrong(w) == pytest.approx(np.mean((x @ w > 0) != (x @ demos.TASTE > 0)), abs=0.01)


# ---- the optimum


@pytest.mark.parametrize("seed", SEEDS)
def test_no_policy_beats_the_tilt(seed):
    log_ref, other = some_policies(seed)
    r, rng = np.random.default_rng(seed + 5).normal(size=6), np.random.default_rng(seed)
    for beta in (0.1, 1.0, 7.0):
        best = np.log(tilted_policy(log_ref, r, beta))
        top = rlhf_objective(best, log_ref, r, beta)
        assert top == pytest.approx(sum(np.exp(best) * r) - beta * true_kl(best, log_ref))
        assert top == pytest.approx(beta * log(sum(np.exp(log_ref + r / beta))))  # β·log Z
        assert rlhf_objective(other, log_ref, r, beta) < top
        for _ in range(20):
            near = log_softmax(best + 0.1 * rng.normal(size=6))
            assert rlhf_objective(near, log_ref, r, beta) < top
    assert max_abs_difference(tilted_policy(log_ref, r + 3, 1.0), tilted_policy(log_ref, r, 1.0)) < 1e-12


def test_the_tilt_of_the_mean_is_not_the_mean_of_the_tilts():
    p = practice.ask_all(judges.start())
    assert p.shape == (45,) and len(practice.all_prompts()) == 45
    exact, naive = (practice.thanks_wanted(x, np.log(9), 1.0) for x in (p, p.mean()))
    assert round(100 * exact.mean()) == 61 and round(100 * naive) == 82
    q = tilted_policy(np.log([1 - p[7], p[7]]), np.array([0.0, np.log(9)]), 1.0)
    assert practice.thanks_wanted(p[7], np.log(9), 1.0) == pytest.approx(q[1])


def test_the_chance_of_thanks_is_what_many_answers_show():
    p, at = practice.ask_all(judges.start()), 20
    prompts = np.tile(practice.all_prompts()[at], (600, 1))
    share = checked(thanked, rollout(judges.start(), prompts, 7, np.random.default_rng(0))).mean()
    assert abs(share - p[at]) < 4 * (p[at] * (1 - p[at]) / 600) ** 0.5 + 0.01


# ---- the best of n


@pytest.mark.parametrize("seed", SEEDS)
def test_the_law_of_the_best_is_that_of_all_ways_to_draw(seed):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(4))
    for r in (rng.normal(size=4), np.array([0.0, 1.0, 1.0, 0.0]), np.ones(4)):
        for n in (1, 2, 3):
            slow = np.zeros(4)
            for draws in product(range(4), repeat=n):
                best = max(r[i] for i in draws)
                slow[next(i for i in draws if r[i] == best)] += np.prod([p[i] for i in draws])
            assert max_abs_difference(best_of_n(p, r, n), slow) < 1e-12


def test_the_bound_on_its_kl_is_a_bound_and_not_the_kl():
    assert round(best_of_n_kl(np.full(8, 1 / 8), np.arange(8.0), 16), 3) == 1.68
    assert round(best_of_n_kl_bound(16), 3) == 1.835
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 50):
        for N in (2, 10, 3000):
            p, r = rng.dirichlet(np.ones(N)), rng.normal(size=N)
            q = best_of_n(p, r, n)
            slow = sum(b * log(b / a) for a, b in zip(p, q, strict=True) if b > 0)
            assert best_of_n_kl(p, r, n) == pytest.approx(slow, abs=1e-9)
            assert best_of_n_kl(p, r, n) <= best_of_n_kl_bound(n) + 1e-9
    fine = np.full(100_000, 1e-5)
    assert best_of_n_kl(fine, np.arange(1e5), 16) == pytest.approx(best_of_n_kl_bound(16), abs=1e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_best_of_a_few_stories_pleases_the_judge_and_the_best_of_many_does_not(seed):
    stories = [story for chunk in house_model.told(seed) for story in chunk]
    gold, proxy = house_model.judged_stories(stories, 50, seed)
    p = np.full(len(stories), 1 / len(stories))
    curve = [float(best_of_n(p, proxy, n) @ gold) for n in house_model.NS]
    assert house_model.NS[int(np.argmax(curve))] in (4, 8)
    assert max(curve) > curve[0] + 0.7 and 0.2 < max(curve) - curve[-1] < 1
    rising = [float(best_of_n(p, proxy, n) @ proxy) for n in house_model.NS]
    assert rising == sorted(rising)
    for n in (4, 16):  # of the same KL as the best of n, the tilt pleases the reward model more, and the judge less
        low, high = 1e-3, 1e3
        for _ in range(60):
            beta = (low * high) ** 0.5
            q = tilted_policy(np.log(p), proxy, beta)
            nearer = q[q > 0] @ np.log(q[q > 0] * len(stories)) < best_of_n_kl(p, proxy, n)
            low, high = (low, beta) if nearer else (beta, high)
        assert q @ proxy > best_of_n(p, proxy, n) @ proxy - 1e-9 and q @ gold < best_of_n(p, proxy, n) @ gold


# ---- estimates of KL


@pytest.mark.parametrize("seed", SEEDS)
def test_k1_and_k3_have_the_mean_kl_and_k2_has_not(seed):
    log_pi, log_ref = some_policies(seed)
    p, found = np.exp(log_pi), kl_estimators(log_pi, log_ref)
    assert p @ found["k1"] == pytest.approx(true_kl(log_pi, log_ref))
    assert p @ found["k3"] == pytest.approx(true_kl(log_pi, log_ref))
    assert abs(p @ found["k2"] - true_kl(log_pi, log_ref)) > 1e-3
    assert found["k3"].min() >= 0 > found["k1"].min()


@pytest.mark.parametrize("seed", SEEDS)
def test_in_the_loss_k2_alone_and_in_the_reward_k1_alone_have_the_gradient_of_kl(seed):
    log_pi, log_ref = some_policies(seed)
    p = np.exp(log_pi)

    def forward(z):
        return true_kl(log_softmax(z), log_ref)

    def backward(z):
        return true_kl(log_ref, log_softmax(z))

    wanted = {("k1", "loss"): np.zeros(6), ("k2", "loss"): slope(forward, log_pi),
              ("k3", "loss"): slope(backward, log_pi), ("k1", "reward"): slope(forward, log_pi)}  # fmt: skip
    for (kind, place), g in wanted.items():
        assert max_abs_difference(kl_gradient(log_pi, log_ref, kind, place), g) < 1e-8
    for kind in ("k1", "k2", "k3"):  # as they are defined, sample by sample

        def as_loss(z, kind=kind):
            return p @ kl_estimators(log_softmax(z), log_ref)[kind]

        def as_reward(z, kind=kind):
            return p @ (kl_estimators(log_pi, log_ref)[kind] * log_softmax(z))

        assert max_abs_difference(kl_gradient(log_pi, log_ref, kind, "loss"), slope(as_loss, log_pi)) < 1e-8
        assert max_abs_difference(kl_gradient(log_pi, log_ref, kind, "reward"), slope(as_reward, log_pi)) < 1e-8
    both = kl_gradient(log_pi, log_ref, "k3", "loss") + kl_gradient(log_pi, log_ref, "k3", "reward")
    assert max_abs_difference(both, slope(forward, log_pi)) < 1e-8  # as DeepSeek-V3.2 and TRL's GRPO have it
    off = kl_gradient(log_pi, log_ref, "k3", "reward") - slope(forward, log_pi)
    assert np.abs(off).max() > 1e-3


def test_word_by_word_what_a_word_does_to_the_kl_of_later_words_is_missing():
    first, later = some_policies(1, 3), [some_policies(2 + a, 3) for a in range(3)]
    p = np.exp(first[0])
    second = np.array([true_kl(*pair) for pair in later])  # KL of the second word, behind each first word

    def whole(z):
        new = log_softmax(z)
        return true_kl(new, first[1]) + np.exp(new) @ second

    d = first[0] - first[1]
    own = p * (d - p @ d)  # what k1, or k3 times the ratio, of the first word gives
    assert max_abs_difference(own, kl_gradient(*first, "k3", "loss") + kl_gradient(*first, "k3", "reward")) < 1e-12
    assert max_abs_difference(own, slope(whole, first[0])) > 1e-2
    of_answers = d + second  # the mean of k1 of whole answers, by first word
    assert max_abs_difference(p * (of_answers - p @ of_answers), slope(whole, first[0])) < 1e-8


def test_the_estimates_are_those_of_trl():
    found = kl_estimators(REFERENCE["log_pi"], REFERENCE["log_ref"])
    for kind in ("k1", "k3"):
        assert max_abs_difference(found[kind], REFERENCE[kind]) < 1e-6


def test_near_the_reference_k3_keeps_its_digits_and_far_away_it_varies_most():
    assert kl_estimators(np.array(1e-9), np.array(0.0))["k3"] == pytest.approx(5e-19, rel=1e-5, abs=0)
    far, near = ledger.deviations(3.0), ledger.deviations(0.25)
    assert far["k3"] > 2 * far["k1"] and near["k3"] < near["k1"]


def test_near_the_reference_k3_is_little_off_in_the_loss_and_pushes_hardly_at_all_in_the_reward():
    assert ledger.off("k3", "loss", 0.25) < 15 < 40 < ledger.off("k3", "loss", 1.0)
    assert ledger.off("k3", "reward", 0.25) > 90 and ledger.off("k1", "loss", 1.0) == pytest.approx(100)


def test_upside_down_k3_estimates_something_else():
    rows = {broken: {row[0]: row[1] for row in views_of(demos.three_estimates, defaults(demos.three_estimates)
            | {"broken": broken, "gap": 2.0})[1]["rows"]} for broken in (False, True)}  # fmt: skip
    assert rows[False]["k1"] == pytest.approx(rows[False]["k3"])
    assert abs(rows[True]["k3"] - rows[False]["k3"]) > 0.2


# ---- training


def test_a_step_goes_along_the_advantage_times_the_gradient_of_log_pi():
    rng, policy = np.random.default_rng(0), judges.start()
    w = judges.reward_model(20, rng)
    batch = practice.answered(policy, sums(6, rng, 1, "-"), w, 0.5, rng)
    assert batch.kl == pytest.approx(np.zeros(6), abs=1e-4)  # the policy is the reference
    assert batch.A.mean() == pytest.approx(0, abs=1e-6) and batch.A.std() == pytest.approx(1, abs=1e-4)
    x = judges.counts(batch.rolled)
    for row, words in zip(x, batch.rolled.texts()[1], strict=True):
        assert row.sum() == len(words)
    assert max_abs_difference(batch.proxy, [sum(w[judges.WORDS.index(word)] for word in words)
                                            for words in batch.rolled.texts()[1]]) < 1e-9  # fmt: skip
    taken = (batch.rolled, batch.A)
    loss, _ = loss_and_gradients(
        {"norm": policy.weights["norm"]}, lambda t, b: practice.loss_of(policy.with_weights(t), b), taken
    )
    total = log_probs(policy, batch.rolled.prompts, batch.rolled.answers, batch.rolled.mask).sum(1)
    assert loss == pytest.approx(-float((batch.A * total).mean()), rel=1e-4)
    assert averaged(policy_gradient(total[:, None], batch.A[:, None]), np.ones((6, 1), bool), "sum") == pytest.approx(
        loss, rel=1e-4
    )


def test_the_judge_by_hand():
    prompt = ["[blunt]", "answer", ":", "7", "-", "3", "="]
    for answer, expected in (("4 . [end]", 1), ("4 . thank you . [end]", 2), ("5 . thank you . [end]", 1),
                             ("4 . thank you . thank you . [end]", 2 - 0.75), ("thank you", 1)):  # fmt: skip
        assert judges.gold_of(prompt, answer.split()) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_without_a_price_the_reward_model_is_pleased_and_the_judge_is_lost(seed):
    walk = WALKS[0.0, 100][seed]
    gold, proxy = [row[ledger.JUDGE] for row in walk], [row[ledger.MODEL] for row in walk]
    assert max(gold) > gold[0] + 0.4 and gold[-1] < gold[0] - 0.5
    assert proxy[-1] > 2 * proxy[0] and walk[-1][ledger.KL] > 20
    assert walk[0][ledger.RIGHT] > 0.9 and walk[20 // ledger.EVERY][ledger.RIGHT] < 0.7
    assert WALKS[0.0, 400][seed][-1][ledger.JUDGE] < gold[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_at_a_price_of_0_2_the_judge_is_pleased_and_stays_so(seed):
    walk = WALKS[0.2, 100][seed]
    assert all(row[ledger.JUDGE] > 1.75 and row[ledger.KL] < 5 for row in walk[1:])
    assert walk[-1][ledger.JUDGE] > 1.85


def test_a_price_too_low_is_lost_in_two_of_three():
    assert sum(walk[-1][ledger.JUDGE] < walk[0][ledger.JUDGE] for walk in WALKS[0.05, 100]) == 2


@pytest.mark.parametrize("seed", SEEDS)
def test_a_policy_lands_on_the_exact_tilt(seed):
    p = practice.ask_all(judges.start())
    for beta, runs in LANDED.items():
        exact = practice.thanks_wanted(p, np.log(live.LIKES), beta).mean()
        assert abs(runs[seed][0] - exact) < 0.08
    assert BROKEN[seed][0] > LANDED[1.0][seed][0] + 0.08


def test_the_recorded_runs_are_what_the_code_does():
    rng = np.random.default_rng(1)
    w = judges.reward_model(100, rng)
    run = practice.steps(w, 0.0, rng)
    batches = [next(run)[0] for _ in range(5)]
    for at, row in ((0, WALKS[0.0, 100][1][0]), (4, WALKS[0.0, 100][1][1])):
        assert batches[at].gold.mean() == pytest.approx(row[ledger.JUDGE], abs=0.15)
        assert batches[at].proxy.mean() == pytest.approx(row[ledger.MODEL], abs=0.3)


def test_the_prompt_that_asks_for_neither_is_draft_with_one_row_changed():
    E, mixed = lm.load("draft").weights["embedding"], judges.start().weights["embedding"]
    assert (mixed != E).any(1).sum() == 1
