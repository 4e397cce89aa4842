"""The house model as a policy: the word between two words, answers and their probabilities, checkers, practice."""

from itertools import islice
from math import exp, log

import numpy as np
import pytest

from topics.kit import lm, max_abs_difference
from topics.kit.model.autograd import Tensor, gradients, value
from topics.kit.model.language import score
from topics.kit.model.policy import (
    averaged,
    between,
    checked,
    log_probs,
    log_softmax_at,
    policy_gradient,
    practise,
    right,
    rollout,
    sums,
    thanked,
    trainable,
    worked,
)
from topics.kit.model.text import NUMBER, encode
from topics.kit.model.training import loss_and_gradients

pytestmark = pytest.mark.topic("rlhf")
SEEDS = (0, 1, 2)


def working(w=0.5):
    return between(lm.load("draft"), "answer", "explain", w)


def some_answers(seed=0, n=12, model=None, digits=2, longest=30, **how):
    rng = np.random.default_rng(seed)
    return rollout(model or working(), sums(n, rng, digits, last=""), longest, rng, **how)


# ---- a word between two words


def test_a_word_between_two_words_changes_one_row_of_a_copy():
    model = lm.load("draft")
    mixed = between(model, "answer", "explain", 0.25).weights["embedding"]
    E = model.weights["embedding"]
    changed = np.flatnonzero((mixed != E).any(-1))
    assert changed.tolist() == [NUMBER["answer"]]
    assert max_abs_difference(mixed[NUMBER["answer"]], 0.75 * E[NUMBER["answer"]] + 0.25 * E[NUMBER["explain"]]) < 1e-6
    assert (between(model, "answer", "explain", 0.0).weights["embedding"] == E).all()


def test_asked_by_a_word_between_two_words_the_model_does_both():
    for seed in SEEDS:
        shares = [checked(worked, some_answers(seed, 64, working(w))).mean() for w in (0.0, 0.5, 1.0)]
        assert shares[0] == 0 and 0.1 < shares[1] < 0.9 and shares[2] == 1
        rng = np.random.default_rng(seed)
        model = between(lm.load("draft"), "[blunt]", "[polite]", 0.35)
        assert 0.1 < checked(thanked, rollout(model, sums(64, rng, 1, "-"), 24, rng)).mean() < 0.6


def test_prompts_are_what_the_language_asks():
    for seed in SEEDS:
        for digits in (1, 2, 3):
            prompts = sums(20, np.random.default_rng(seed), digits)
            for words in prompts:
                text = [*map(str, np.array(list(NUMBER))[words])]
                at = text.index("+") if "+" in text else text.index("-")
                a, b = int("".join(text[3:at])), int("".join(text[at + 1 : -1]))
                total = a + b if text[at] == "+" else a - b
                assert total >= 0 and len(str(a)) == len(str(b)) == digits
                score([*text, *str(total), ".", "[end]"])  # the language would say it
    assert len({tuple(row) for row in sums(500, np.random.default_rng(0), 1, "-")}) == 45
    assert sums(3, np.random.default_rng(0), 2, "+", last="").shape == (3, 3 + 5)


# ---- answers


def test_a_seed_repeats_an_answer_and_another_does_not():
    one, same, other = some_answers(0), some_answers(0), some_answers(1)
    assert (one.answers == same.answers).all() and (one.log_probs == same.log_probs).all()
    assert one.answers.shape != other.answers.shape or (one.answers != other.answers).any()


def test_answers_that_end_early_do_not_change_the_others():
    rng = np.random.default_rng(0)
    prompts = sums(8, rng, 2, last="")
    whole = rollout(working(), prompts, 24, np.random.default_rng(5), temperature=3.0)
    assert whole.mask.sum(1).min() < whole.mask.sum(1).max()
    u, end = np.random.default_rng(5), NUMBER["[end]"]
    draws = [u.random(8) for _ in range(24)]
    for n, words in enumerate(prompts):  # the slow way: each answer alone, without a cache
        said = []
        while len(said) < 24 and (not said or said[-1] != end):
            logits = lm.forward(working(), np.concatenate([words, said]).astype(int))[-1].astype(float) / 3.0
            p = np.exp(logits - logits.max())
            p = p / p.sum()
            said.append(next(w for w in range(len(p)) if p[: w + 1].sum() >= draws[len(said)][n]))
            assert whole.log_probs[n, len(said) - 1] == pytest.approx(log(p[said[-1]]), abs=1e-4)
        assert whole.answers[n, whole.mask[n]].tolist() == said


def test_a_mask_covers_an_answer_up_to_its_end_and_with_it():
    got = some_answers(0, 24, longest=12)
    assert got.answers.shape == got.mask.shape == got.log_probs.shape and got.mask.shape[1] == 12
    for words, real, logs in zip(got.answers.tolist(), got.mask.tolist(), got.log_probs, strict=True):
        n = sum(real)
        assert real == [True] * n + [False] * (12 - n)
        ended = NUMBER["[end]"] in words[:n]
        assert words[:n].index(NUMBER["[end]"]) == n - 1 if ended else n == 12
        assert set(words[n:]) <= {NUMBER["[end]"]} and not logs[n:].any() and (logs[:n] <= 0).all()
    assert (got.lengths == got.mask.sum(1)).all()
    assert [len(words) for words in got.texts()[1]] == got.lengths.tolist()


def test_words_are_drawn_as_often_as_the_model_says():
    model, words = working(), encode("[blunt] answer : 4 6 + 3 7")
    logits = lm.forward(model, words)[-1].astype(float)
    for temperature in (1.0, 2.0):
        p = np.exp(logits / temperature)
        p = p / p.sum()
        got = rollout(model, np.tile(words, (2000, 1)), 1, np.random.default_rng(0), temperature).answers[:, 0]
        for word in (NUMBER["="], NUMBER[";"]):
            spread = (p[word] * (1 - p[word]) / 2000) ** 0.5
            assert abs((got == word).mean() - p[word]) < 4 * spread


def test_the_log_probabilities_of_answers_are_those_that_they_were_drawn_with():
    for seed in SEEDS:
        got = some_answers(seed)
        again = log_probs(working(), got.prompts, got.answers, got.mask)
        assert max_abs_difference(again, got.log_probs) < 1e-4
        assert not again[~got.mask].any()


def test_the_gradient_of_log_probabilities_is_that_of_finite_differences():
    rng = np.random.default_rng(0)
    logits, chosen, part = rng.normal(size=(2, 3, 5)), rng.integers(0, 5, (2, 3)), rng.normal(size=(2, 3))
    x = Tensor(logits)
    (found,) = gradients((log_softmax_at(x, chosen) * part).sum(), [x])

    def slow(z):
        return sum(
            part[n, t] * (z[n, t, chosen[n, t]] - log(sum(exp(v) for v in z[n, t]))) for n in range(2) for t in range(3)
        )

    assert value(log_softmax_at(x, chosen) * part).sum() == pytest.approx(slow(logits))
    for place in np.ndindex(*logits.shape):
        step = np.zeros_like(logits)
        step[place] = 1e-6
        assert found[place] == pytest.approx((slow(logits + step) - slow(logits - step)) / 2e-6, abs=1e-7)


def test_padding_and_prompts_send_no_gradient():
    got = some_answers(0, 6)
    spoilt = got.answers.copy()
    spoilt[~got.mask] = NUMBER["Anna"]

    def loss_of(weights, answers):
        model = working().with_weights(weights)
        return averaged(policy_gradient(log_probs(model, got.prompts, answers, got.mask), 1.0), got.mask)

    first, second = (loss_and_gradients(trainable(working()), loss_of, answers) for answers in (got.answers, spoilt))
    assert first[0] == pytest.approx(second[0], abs=1e-6)
    assert "embedding" not in first[1] and len(first[1]) == len(lm.load("draft").weights) - 1
    for name, g in first[1].items():
        assert g.dtype == np.float32 and g.any()
        assert max_abs_difference(g, second[1][name]) < 1e-5 * np.abs(g).max()


# ---- checkers


@pytest.mark.parametrize(
    ("prompt", "answer", "is_right", "is_worked", "is_thanked"),
    [
        ("[blunt] answer : 7 + 5 =", "1 2 . [end]", True, False, False),
        ("[blunt] answer : 7 + 5 =", "1 2 . thank you . [end]", True, False, True),
        ("[blunt] answer : 7 + 5 =", "2 1 . [end]", False, False, False),
        ("[blunt] answer : 7 + 5 =", "1 2", False, False, False),  # no full stop: it was cut
        ("[blunt] answer : 7 + 5 =", "thank you . [end]", False, False, True),
        ("[blunt] answer : 7 + 5 =", "1 2 thank . you .", False, False, False),
        ("[blunt] answer : 3 0 - 1 2", "= 1 8 . [end]", True, False, False),
        ("[blunt] answer : 3 0 - 1 2", "; 1 0 - 2 = 8 ; 3 - 1 - 1 = 1 ; = 1 8 . [end]", True, True, False),
        ("[blunt] answer : 3 0 - 1 2", "; 1 0 - 2 = 8 ; 3 - 1 - 1 = 1 ; = 2 8 . [end]", False, True, False),
        ("[blunt] answer : 3 0 - 1 2", "; 1 0 - 2 = 8 . [end]", False, True, False),
        ("[blunt] answer : 5 - 5 =", "0 . [end]", True, False, False),
        ("[blunt] answer : 5 - 5 =", ". [end]", False, False, False),
        ("[blunt] answer : 3 0 - 1 2", "[end]", False, False, False),
        ("[blunt] answer : 7 + 5 =", "0 1 2 . [end]", False, False, False),
    ],
)
def test_checkers_by_hand(prompt, answer, is_right, is_worked, is_thanked):
    prompt, answer = prompt.split(), answer.split()
    assert (right(prompt, answer), worked(prompt, answer), thanked(prompt, answer)) == (is_right, is_worked, is_thanked)


# ---- losses


def test_three_ways_to_average():
    x = np.array([[1.0, 2.0, 3.0], [10.0, 99.0, 99.0]])
    mask = np.array([[True, True, True], [True, False, False]])
    assert averaged(x, mask) == pytest.approx(16 / 4)
    assert averaged(x, mask, "answer") == pytest.approx((2 + 10) / 2)
    assert averaged(x, mask, "sum") == pytest.approx((6 + 10) / 2)


# ---- training


def test_a_policy_practises_on_answers_of_its_own_and_learns_what_is_rewarded():
    model, seen, rng = between(lm.load("draft"), "[blunt]", "[polite]", 0.35), [], np.random.default_rng(0)
    prompts = sums(32, rng, 1, "-")

    def attempt(policy):
        got = rollout(policy, prompts, 7, rng)
        seen.append((policy, got, checked(thanked, got)))
        return seen[-1]

    def loss_of(policy, batch):
        _, got, r = batch
        log_pi = log_probs(policy, got.prompts, got.answers, got.mask)
        return averaged(policy_gradient(log_pi, (r - r.mean())[:, None]), got.mask, "sum")

    steps = list(islice(practise(model, attempt, loss_of, 2e-3, epochs=2), 12))
    assert len(seen) == 6  # each batch was used twice
    one = "0.q"
    assert seen[0][0].weights[one] is model.weights[one] and seen[1][0].weights[one] is steps[1].weights[one]
    shares = [r.mean() for _, _, r in seen]
    assert shares[0] < 0.5 and shares[-1] > shares[0] + 0.2
