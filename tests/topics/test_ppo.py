"""The claims of the page on PPO."""

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from topics.kit import max_abs_difference
from topics.kit.model.autograd import Tensor, gradients
from topics.kit.page.demo import defaults, views_of
from topics.ppo import cart_pole, chain, demos, house_model, live, method, told
from topics.ppo.recorded import BEFORE, CONTROL, EPOCHS

pytestmark = pytest.mark.topic("ppo")
SEEDS = (0, 1, 2)
REFERENCE = np.load(Path(__file__).parents[1] / "reference/ppo.npz")


def view(demo, kind, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind]
    return found if len(found) > 1 else found[0]


def slope(loss, log_p):
    """By finite differences, of a loss of log-probabilities (n,)."""
    h = 1e-6
    return np.array([(loss(log_p + h * e) - loss(log_p - h * e)) / (2 * h) for e in np.eye(len(log_p))])


# ---- the loss


def test_the_clip_has_four_wings_and_two_of_them_are_flat():
    old, n = np.zeros(1), 0
    for A in (1.0, -1.0):
        for rho in (0.5, 0.9, 1.1, 1.5):
            got = slope(lambda x, A=A: method.ppo_loss(x, old, np.array([A])), np.log([rho]))[0]
            flat = (A > 0 and rho > 1.2) or (A < 0 and rho < 0.8)
            assert got == pytest.approx(0 if flat else -A * rho, abs=1e-8)
            n += flat
    assert n == 2


def test_a_ratio_of_one_gives_the_plain_policy_gradient():
    rng = np.random.default_rng(0)
    logits, A, actions = rng.normal(size=(5, 3)), rng.normal(size=5), rng.integers(0, 3, 5)

    def log_p(x):
        return np.log(np.exp(x) / np.exp(x).sum(1, keepdims=True))[np.arange(5), actions]

    old = log_p(logits)
    for loss in (method.ppo_loss, method.policy_loss, method.dual_clip_loss):
        by = np.zeros_like(logits)
        for index in np.ndindex(*logits.shape):
            h = np.zeros_like(logits)
            h[index] = 1e-6
            by[index] = (loss(log_p(logits + h), old, A) - loss(log_p(logits - h), old, A)) / 2e-6
        np.testing.assert_allclose(by, -method.policy_gradient(logits, actions, A), atol=1e-8)


def test_a_tensors_gradient_is_that_of_finite_differences():
    rng = np.random.default_rng(1)
    new, old, A = -rng.uniform(0, 2, 40), -rng.uniform(0, 2, 40), rng.normal(size=40)
    for loss in (method.ppo_loss, method.policy_loss):
        x = Tensor(new)
        (by,) = gradients(loss(x, old, A), [x])
        assert max_abs_difference(by, slope(lambda y, loss=loss: loss(y, old, A), new)) < 1e-8


def test_verl_computes_the_same_loss_advantages_and_dual_clip():
    r = {name: REFERENCE[name].astype(float) for name in REFERENCE.files}
    mask = r["mask"] > 0
    plain = method.ppo_loss(r["new"], r["old"], r["A"], 0.2, mask, 0.28)
    assert plain == pytest.approx(float(r["clipped"]), rel=1e-5)
    dual = method.dual_clip_loss(r["new"], r["old"], r["A"], 0.2, 3.0, mask)
    assert dual == pytest.approx(float(r["dual"]), rel=1e-5)
    assert plain != pytest.approx(float(r["dual"]), rel=1e-3)
    advantages = np.zeros(mask.shape)
    for i in range(len(mask)):
        n = mask[i].sum()
        V_next = np.append(r["V"][i, 1:n], 0.0)
        last = np.arange(n) == n - 1
        A = method.gae(r["reward"][i, :n], r["V"][i, :n], V_next, last, last, 1.0, 0.95)
        np.testing.assert_allclose(A + r["V"][i, :n], r["returns"][i, :n], rtol=1e-5)
        advantages[i, :n] = A
    n = mask.sum()  # verl divides by the sample's deviation, over n − 1
    mine = method.whitened(advantages, mask) * math.sqrt((n - 1) / n)
    np.testing.assert_allclose(mine[mask], r["whitened"][mask], rtol=1e-4, atol=1e-6)


def test_the_dual_clip_changes_only_bad_actions_that_became_three_times_as_likely():
    for A in (1.0, -1.0):
        for rho in (0.3, 1.0, 2.5, 3.5, 9.0):
            x = (np.log([rho]), np.zeros(1), np.array([A]))
            assert (method.dual_clip_loss(*x) != method.ppo_loss(*x)) == (A < 0 and rho > 3)


def test_padding_counts_in_no_loss_and_no_whitening():
    rng = np.random.default_rng(2)
    new, old, A = (rng.normal(size=(3, 4)) for _ in range(3))
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)
    for loss in (method.ppo_loss, method.policy_loss, method.dual_clip_loss):
        there = loss(new[mask], old[mask], A[mask])
        assert loss(new, old, A, mask=mask) == pytest.approx(there)
    white = method.whitened(A, mask)
    assert (white[~mask] == 0).all()
    assert white[mask].mean() == pytest.approx(0, abs=1e-12) and white[mask].std() == pytest.approx(1)


def test_held_words_are_those_whose_gradient_is_zero():
    rng = np.random.default_rng(3)
    new, A = rng.normal(0, 0.4, 30), rng.normal(size=30)
    flat = slope(lambda x: method.ppo_loss(x, np.zeros(30), A, 0.1), new) == 0
    assert method.clip_fraction(new, np.zeros(30), A, 0.1) == flat.mean() > 0.2


def test_an_adaptive_penalty_follows_the_kl():
    assert [method.adaptive_kl(4.0, kl, 0.1) for kl in (0.151, 0.149, 0.068, 0.066)] == [8.0, 4.0, 4.0, 2.0]


def test_a_capped_weight_is_the_ratio_up_to_the_cap():
    p, q = np.array([0.2, 0.9, 0.5]), np.array([0.4, 0.1, 0.25])
    np.testing.assert_allclose(method.truncated_weight(np.log(p), np.log(q), 2.5), [0.5, 2.5, 2.0])


@pytest.mark.parametrize("variant", demos.VARIANTS)
@pytest.mark.parametrize("broken", [False, True])
def test_the_drawn_push_is_the_slope_of_the_drawn_objective(variant, broken):
    rho = np.array([0.3, 0.7, 0.95, 1.05, 1.25, 1.35, 2.9, 3.5])
    high = 0.28 if variant == "clip-higher" else 0.2
    for A in (1.0, -1.0):
        h = 1e-6
        up, down = (demos.objective(rho * np.exp(s * h), A, variant, 0.2, high, broken) for s in (1, -1))
        np.testing.assert_allclose((up - down) / (2 * h), demos.push(rho, A, variant, 0.2, high, broken), atol=1e-6)


def test_max_for_min_pushes_on_what_runs_away():
    pushes = [[float(demos.push(np.array([rho]), A, "PPO", 0.2, 0.2, broken)[0]) for rho in (0.7, 1.5)]
              for A in (1.0, -1.0) for broken in (False, True)]  # fmt: skip
    assert pushes == [[0.7, 0.0], [0.0, 1.5], [0.0, -1.5], [-0.7, 0.0]]


# ---- advantages


def test_at_lambda_one_an_advantage_is_the_return_less_the_value_and_at_zero_one_surprise():
    rng = np.random.default_rng(4)
    r, V = rng.normal(size=7), rng.normal(size=7)
    V_next, last = np.append(V[1:], 0.0), np.arange(7) == 6
    returns = [sum(0.9 ** (k - t) * r[k] for k in range(t, 7)) for t in range(7)]
    np.testing.assert_allclose(method.gae(r, V, V_next, last, last, 0.9, 1.0), returns - V)
    np.testing.assert_allclose(method.gae(r, V, V_next, last, last, 0.9, 0.0), r + 0.9 * V_next - V)


def test_nothing_is_carried_from_the_next_episode_and_a_time_limit_is_no_fall():
    rng = np.random.default_rng(5)
    r, V, V_next = (rng.normal(size=6) for _ in range(3))
    fell, cut = np.arange(6) == 1, np.arange(6) == 3
    A = method.gae(r, V, V_next, fell, fell | cut, 0.9, 0.8)
    delta = [r[t] + 0.9 * V_next[t] * (t != 1) - V[t] for t in range(6)]
    expected = []
    for t in range(6):
        end = next(k for k in (1, 3, 5) if k >= t)
        expected.append(sum(0.72 ** (k - t) * delta[k] for k in range(t, end + 1)))
    np.testing.assert_allclose(A, expected)


def test_moments_on_the_chain_are_those_of_ten_thousand_walks():
    gamma, lam, S = 0.95, 0.7, 5
    P, wins = chain.walk(S)
    true = chain.true_worth(P, wins, gamma)
    V = chain.guessed(true, 0.5)
    mean, square = chain.gae_moments(P, wins, V, gamma, lam)
    rng, found = np.random.default_rng(6), []
    for _ in range(10_000):
        s, right, total, weight = 1, True, 0.0, 1.0
        while True:
            way = right == (rng.random() >= chain.SLIP)
            to = s + (1 if way else -1)
            if not 0 <= to < S:
                total += weight * (float(to == S) - V[s])
                break
            total, weight = total + weight * (gamma * V[to] - V[s]), weight * gamma * lam
            s, right = to, bool(rng.random() < 0.5)
        found.append(total)
    spread = np.std(found) / 100
    assert abs(np.mean(found) - mean[1, 1]) < 4 * spread
    assert np.mean(np.square(found)) == pytest.approx(square[1, 1], rel=0.05)
    for s in range(S):  # the true values are those of the next places
        around = [true[s + d] if 0 <= s + d < S else None for d in (-1, 1)]
        ahead = [gamma * x if x is not None else float(d == 1) for d, x in zip((-1, 1), around, strict=True)]
        assert true[s] == pytest.approx(sum(ahead) / 2)


@pytest.mark.parametrize("gamma", [0.9, 0.99, 1.0])
def test_at_lambda_one_no_critic_biases_the_gradient(gamma):
    for wrong in (0.0, 0.5, 1.0):
        bias, *_ = chain.errors(9, gamma, 1.0, wrong, 100)
        assert bias < 1e-12
    assert chain.errors(9, gamma, 0.0, 0.5, 100)[0] > 0.4


def test_a_perfect_critic_biases_nothing_and_wants_lambda_zero():
    found = [chain.errors(9, 1.0, lam, 0.0, 100) for lam in (0.0, 0.5, 0.9, 1.0)]
    assert max(bias for bias, *_ in found) < 1e-12
    assert [both for *_, both in found] == sorted(both for *_, both in found)


def test_with_a_hundred_steps_lambda_is_best_near_eight_tenths_and_with_many_at_one():
    def best(n):
        return min(demos.LAMBDAS, key=lambda lam: chain.errors(9, 1.0, lam, 0.5, n)[2])

    assert 0.7 < best(100) < 0.85 and best(12_800) > 0.97


# ---- the cart-pole


def test_the_cart_moves_as_gymnasiums_does():
    rng = np.random.default_rng(7)
    s = np.append(rng.uniform(-0.2, 0.2, 4), 1.0)
    for right in (True, False):
        x, v, angle, turn = s[:4]
        force = 10.0 if right else -10.0
        temp = (force + 0.1 * 0.5 * turn**2 * math.sin(angle)) / (1.0 + 0.1)
        turning = (9.8 * math.sin(angle) - math.cos(angle) * temp) / (
            0.5 * (4.0 / 3.0 - 0.1 * math.cos(angle) ** 2 / 1.1)
        )
        speeding = temp - 0.1 * 0.5 * turning * math.cos(angle) / 1.1
        expected = [x + 0.02 * v, v + 0.02 * speeding, angle + 0.02 * turn, turn + 0.02 * turning, 1.0]
        np.testing.assert_allclose(cart_pole.moved(s[None], np.array([right]))[0], expected)
    there = np.array([[2.41, 0, 0, 0, 1], [0, 9, 0.2, 9, 1], [0, 0, -0.21, 0, 1]])
    assert cart_pole.fallen(there).tolist() == [True, False, True]


def test_the_nets_gradient_by_hand_is_that_of_finite_differences():
    rng = np.random.default_rng(8)
    theta, s, g = cart_pole.new_net(2, rng, 1.0), cart_pole.begun(6, rng), rng.normal(size=(6, 2))
    _, h = cart_pole.output(theta, s, 2)
    by = cart_pole.gradient(theta, s, h, g)
    for i in rng.choice(len(theta), 12, replace=False):
        e = np.zeros_like(theta)
        e[i] = 1e-6
        up, down = ((cart_pole.output(theta + d, s, 2)[0] * g).sum() for d in (e, -e))
        assert by[i] == pytest.approx((up - down) / 2e-6, abs=1e-6)


def test_the_first_step_on_a_batch_is_the_same_with_the_clip_and_without():
    ends = []
    for kind in ("no clip", "PPO", "REINFORCE"):
        agent, rng = cart_pole.new_agent(3), np.random.default_rng(1)
        s, right, *_ = cart_pole.acted(agent, rng)
        s, taken = s.reshape(-1, 5), np.stack([~right.ravel(), right.ravel()], 1)
        old, A = (cart_pole.chances(agent, s) * taken).sum(1), rng.normal(size=len(s))
        cart_pole.policy_step(agent, s, taken, old, A, 0.2 if kind == "PPO" else None, 0.01)
        ends.append(agent.policy)
    assert (ends[0] == ends[1]).all() and (ends[0] == ends[2]).all()


def test_in_all_recorded_seeds_ppo_holds_on_and_many_steps_without_the_clip_fall():
    runs = CONTROL[0.01]
    assert len(runs["PPO"]) == 6
    for seed in range(6):
        assert runs["PPO"][seed][1] == cart_pole.LIMIT and runs["PPO"][seed][2] < 0.03
        assert runs["no clip"][seed][1] < 65 and runs["no clip"][seed][2] > 8
        assert runs["REINFORCE"][seed][0] > 190 and runs["REINFORCE"][seed][3] < runs["PPO"][seed][3]


@cache
def short_run():
    agent, rng = cart_pole.new_agent(0), np.random.default_rng([0, 1])
    for _ in range(12):
        cart_pole.iteration(agent, "PPO", rng, 0.01)
    return agent


def test_ppo_learns_the_cart_pole_in_a_dozen_batches():
    agent = short_run()
    assert agent.returns[0] < 40 < 120 < agent.returns[-1] and max(agent.kls) < 0.05


def test_the_live_demo_shows_all_three():
    table = view(live.three_agents, "table", iterations=20, epochs=1)
    assert [row[0] for row in table["rows"]] == list(cart_pole.AGENTS)


# ---- the house model


def test_several_epochs_drift_on_with_the_clip_and_farther_without():
    for eta in EPOCHS:
        for seed in SEEDS:
            one, end, held, _ = EPOCHS[eta]["clip"][seed]
            assert end < EPOCHS[eta]["no clip"][seed][1] and held < 0.25
            assert one == EPOCHS[eta]["no clip"][seed][0]
    for seed in SEEDS:
        one, end, *_ = EPOCHS[0.001]["clip"][seed]
        assert 2.5 < one < 3.5 and end > 4 * one
        slow, fast = (EPOCHS[0.0003][way][seed] for way in ("clip", "no clip"))
        assert slow[1] < 0.5 * fast[1] and slow[3] < fast[3]  # less drift, and not better for it
    assert 0.15 < BEFORE < 0.3


FP8 = "FP8, a scale for each matrix"


def test_an_answers_ratio_spreads_much_wider_than_a_words_and_less_per_word():
    for seed in SEEDS:
        words, answers, means = (np.log(high / low) for low, high in house_model.spans(FP8, "stories", seed))
        assert answers > 4 * words > 8 * means
        low, high = house_model.spans(FP8, "sums", seed)[1]
        assert np.log(high / low) > answers  # five words, and unsure ones
        assert house_model.spans("NVFP4", "stories", seed)[1][0] < 0.1
        low, high = house_model.spans("BF16", "stories", seed)[1]
        assert 0.94 < low < high < 1.06


def test_hardly_a_word_of_a_story_reaches_the_cap():
    d, mask = house_model.mismatched(FP8, "stories", 0)
    assert (np.exp(d[mask]) > 2).mean() < 0.005
    assert house_model.effective(np.ones(7)) == 1 and house_model.effective(np.array([1.0, 0, 0, 0])) == 0.25


def test_told_numbers_are_the_least_and_the_most():
    assert told.ends([(1, 5), (3, 2)], 1) == (2, 5)
    assert told.drifted("clip", 0.001, 1)[1] == max(run[1] for run in EPOCHS[0.001]["clip"])
