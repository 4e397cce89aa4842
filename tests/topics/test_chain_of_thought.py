"""The claims of the page on chain of thought."""

import math
from itertools import combinations, product

import numpy as np
import pytest

from topics.chain_of_thought import demos, house_model, method, recorded, sums, votes, writing
from topics.kit import GPUS, MODELS, lm, max_abs_difference
from topics.kit.model.language import BLUNT, score, text
from topics.kit.model.text import NUMBER, decode, encode
from topics.kit.page.demo import defaults, views_of
from topics.kit.real.costs import step_time

pytestmark = pytest.mark.topic("chain_of_thought")
SMALLER = ("heads8-1", "heads8-2", "heads8-3")
ALL = ("target", *SMALLER, "draft", "quick")


def view(demo, kind, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind]
    return found if len(found) > 1 else found[0]


def readout(demo, label, **arguments):
    return next(item["value"] for item in view(demo, "metrics", **arguments)["items"] if item["label"] == label)


# ---- votes and tries, by formula


def test_the_commonest_answer_wins_and_what_cannot_be_read_is_no_vote():
    assert method.majority_vote([None, None, 3]) == 3 and method.majority_vote([None]) is None
    assert method.majority_vote([1, 2, 2, 1, 5]) == 1  # the first given of equally common ones
    assert method.majority_vote([0, 0, 7]) == 0


def test_pass_at_k_is_the_share_of_choices_with_a_right_answer():
    for n in range(1, 8):
        for c, k in product(range(n + 1), range(1, n + 1)):
            right = [i < c for i in range(n)]
            chosen = [any(right[i] for i in some) for some in combinations(range(n), k)]
            assert method.pass_at_k(n, c, k) == pytest.approx(sum(chosen) / len(chosen), abs=1e-12)


def test_pass_at_k_is_without_bias_and_the_share_is_too_low():
    for p, n, k in ((0.2, 10, 5), (0.45, 6, 3), (0.05, 20, 10)):
        weight = [math.comb(n, c) * p**c * (1 - p) ** (n - c) for c in range(n + 1)]
        true = 1 - (1 - p) ** k
        assert sum(w * method.pass_at_k(n, c, k) for c, w in enumerate(weight)) == pytest.approx(true)
        assert sum(w * method.pass_from_share(n, c, k) for c, w in enumerate(weight)) < true - 0.01


def test_pass_at_k_does_not_overflow_and_refuses_more_than_were_drawn():
    assert method.pass_at_k(1000, 1, 999) == pytest.approx(0.999)
    assert method.pass_at_k(100_000, 1, 1) == pytest.approx(1e-5)
    with pytest.raises(ValueError, match="estimated"):
        method.pass_at_k(2, 0, 5)


def test_libraries_faults_are_the_numbers_that_their_reports_tell():
    assert method.pass_from_share(4, 1, 4) == pytest.approx(0.684, abs=5e-4)  # verl's best@4, with repeats
    assert method.pass_at_k(4, 1, 4) == 1
    assert method.pass_at_k(164, 50, 10) == pytest.approx(0.977, abs=1e-3)  # problems in the place of answers


def slow_vote(law, k):
    """By going through all ways in which k answers can fall; a tie among m counts 1/m."""
    total = 0.0
    for fallen in product(range(len(law)), repeat=k):
        counts = [fallen.count(i) for i in range(len(law))]
        best = max(counts)
        if counts[0] == best:
            total += math.prod(law[i] for i in fallen) / counts.count(best)
    return total


@pytest.mark.parametrize("R", [1, 2, 3])
def test_a_vote_is_right_as_often_as_all_ways_of_voting_say(R):
    for p, k in ((0.45, 5), (0.3, 4), (0.7, 3), (0.2, 1)):
        law = [p] + [(1 - p) / R] * R
        assert method.self_consistency_accuracy(p, k, R) == pytest.approx(slow_vote(law, k), abs=1e-12)


@pytest.mark.parametrize("correlation", [0.1, 0.4, 0.8])
def test_where_questions_differ_a_vote_is_the_mean_over_a_dirichlet_law(correlation):
    rng, p, R = np.random.default_rng(0), 0.4, 2
    laws = rng.dirichlet(np.array([p, (1 - p) / R, (1 - p) / R]) * (1 / correlation - 1), 4000)
    for k in (3, 6):
        counts = np.array([rng.multinomial(k, law) for law in laws])
        best = counts.max(1)
        points = (counts[:, 0] == best) / (counts == best[:, None]).sum(1)
        assert method.self_consistency_accuracy(p, k, R, correlation) == pytest.approx(points.mean(), abs=0.025)
        some = 1 - ((1 - laws[:, 0]) ** k).mean()
        assert method.any_right(p, k, correlation) == pytest.approx(some, abs=0.02)


def test_the_correlation_is_that_of_two_answers_to_one_question():
    for p, correlation in ((0.3, 0.2), (0.6, 0.7)):
        both = 2 * p - method.any_right(p, 2, correlation)  # P(A and B) = P(A) + P(B) − P(A or B)
        assert (both - p * p) / (p * (1 - p)) == pytest.approx(correlation)


def test_a_vote_finds_the_rival_that_is_likelier_and_the_right_answer_where_rivals_share():
    assert method.self_consistency_accuracy(0.45, 101, 1) == pytest.approx(0.156, abs=5e-4)
    assert method.self_consistency_accuracy(0.45, 101, 2) == pytest.approx(0.967, abs=5e-4)
    assert method.self_consistency_accuracy(0.45, 2, 1) == pytest.approx(0.45)  # an even tie is half a point
    for k in (1, 9, 101):
        assert method.self_consistency_accuracy(0.45, k, 3, 1.0) == 0.45 == method.any_right(0.45, k, 1.0)


def test_differing_questions_take_most_of_what_a_vote_brings():
    alike, differing = (method.self_consistency_accuracy(0.45, 101, 2, each) - 0.45 for each in (0.0, 0.5))
    assert differing < 0.15 < 0.5 < alike
    assert method.any_right(0.45, 9, 1e-9) == pytest.approx(1 - 0.55**9)  # at correlation 0 the product is (1 − p)^k


# ---- steps and verifiers


def test_a_checked_step_is_what_drawing_it_gives():
    rng = np.random.default_rng(0)
    for q, v, a, tries in ((0.9, 0.8, 0.1, 2), (0.6, 0.5, 0.3, 4), (0.7, 0.9, 0.0, 1)):
        right, taken = [], []
        for _ in range(20_000):
            for i in range(1, tries + 1):
                good = rng.random() < q
                if i == tries or rng.random() >= (a if good else v):
                    break
            right.append(good)
            taken.append(i)
        got = method.checked_step(q, v, a, tries)
        assert got == pytest.approx((np.mean(right), np.mean(taken)), abs=0.015)


def test_a_verifier_that_knows_nothing_wins_nothing():
    for a in (0.1, 0.5):
        right, taken = method.checked_step(0.8, v=a, a=a, tries=5)
        assert right == pytest.approx(0.8) and taken > 1
    assert method.checked_step(0.8, 0.0, 0.5, 8)[0] < 0.8  # and one that only rejects what is right does harm


def test_half_of_the_chains_hold_alone_and_seven_of_eight_when_checked():
    assert 0.5 < method.chain_accuracy(0.99, 64) < 0.55
    assert 0.85 < method.checked_step(0.99, 0.8, 0.1, 4)[0] ** 64 < 0.88


# ---- depth


@pytest.mark.parametrize("L", [1, 2, 3, 6])
def test_each_layer_doubles_how_many_ones_can_be_told_odd_from_even(L):
    ones = np.arange(2**L + 1)
    assert max_abs_difference(method.parity_at_once(ones, L), [n % 2 for n in ones]) == 0
    assert not method.parity_at_once(np.arange(2**L + 1, 2**L + 30), L).any()  # beyond, always even


def test_written_down_one_layer_tells_the_parity_of_any_number_of_bits():
    bits = np.random.default_rng(0).integers(0, 2, 300)
    expected, odd = [], 0
    for bit in bits.tolist():
        odd = odd ^ bit
        expected.append(odd)
    assert method.parity_written(bits).tolist() == expected


def test_a_layer_of_two_neurons_makes_at_most_three_pieces_of_one():
    x = np.linspace(-0.5, 1.5, 8001)
    slopes = np.round(np.diff(method.tent(x)) / np.diff(x), 6)
    assert np.count_nonzero(np.diff(slopes)) <= 2
    folded = method.tent(method.tent(x))
    assert np.count_nonzero(np.diff(np.round(np.diff(folded) / np.diff(x), 6))) + 1 <= 9


def test_three_layers_judge_about_half_of_24_bits_right_four_nearly_all_and_five_all():
    shares = []
    for L in (3, 4, 5):
        said = [round(float(method.parity_at_once(np.array([n]), L)[0])) for n in range(25)]
        shares.append(sum(math.comb(24, n) for n in range(25) if said[n] == n % 2) / 2**24)
        assert demos.parity_share(24, L) == pytest.approx(shares[-1])
    assert 0.5 < shares[0] < 0.55 and 0.95 < shares[1] < 1 == shares[2]


def test_the_figure_writes_as_many_words_as_there_are_bits():
    for b in (2, 24, 64):
        assert readout(demos.parity_by_depth, "Random bits judged right", b=b, written=True) == 100
        assert readout(demos.parity_by_depth, "Words written", b=b, written=True) == b


# ---- sums and their workings


def test_a_working_is_the_languages_own():
    for digits in (1, 2, 3):
        for one in sums.drawn_sums(40, digits):
            working = sums.columns(*one)
            assert sums.spelled(working) == sums.result(*one) == eval(f"{one[0]}{one[1]}{one[2]}")
            whole = decode([*sums.with_working(*one, working), *encode(f"{sums.result(*one)}.")])
            score([*whole, "[end]"], text(BLUNT, "explain"))  # raises where the language never says so


def test_spoilt_workings_say_what_they_are_told_to_say():
    some = sums.drawn_sums(30)
    for column in (1, 2, 3):
        prompts, says = sums.spoilt(some, "one wrong digit", column)
        for one, prompt, said in zip(some, prompts, says, strict=True):
            true = sums.with_working(*one, sums.columns(*one))
            assert len(prompt) == len(true) and sum(x != y for x, y in zip(prompt, true, strict=True)) == 1
            place = 10 ** (column - 1)
            assert (said - sums.result(*one)) % place == 0 and said // place % 10 != sums.result(*one) // place % 10
        prompts, says = sums.spoilt(some, "cut short", column)
        assert all(
            decode(prompt).count(";") == column and said is None for prompt, said in zip(prompts, says, strict=True)
        )
    prompts, _ = sums.spoilt(some, "filler")
    wholes, _ = sums.spoilt(some, "left as it is")
    assert [len(x) for x in prompts] == [len(x) for x in wholes]
    assert all(set(decode(x)[11:]) == {";", "="} for x in prompts)


def test_texts_of_different_lengths_are_written_at_once_as_they_are_one_by_one():
    model = lm.load("draft")
    prompts = [
        sums.worked(7, "+", 5),
        sums.at_once(374, "+", 258),
        sums.worked(402, "-", 177),
        sums.at_once(12, "+", 30),
    ]
    alone = [list(lm.generate(model, prompt, 40, stop=NUMBER["[end]"])) for prompt in prompts]
    assert writing.write_on(model, prompts, 40) == alone


def test_at_a_temperature_words_are_drawn_from_the_models_law():
    model, prompt = lm.load("draft"), encode("[blunt] facts :")
    drawn = [row[0] for row in writing.write_on(model, [prompt] * 3000, 1, T=0.7, seed=1)]
    logits = lm.forward(model, prompt)[-1].astype(float) / 0.7
    law = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    seen = np.bincount(drawn, minlength=len(law)) / 3000
    assert np.abs(seen - law).sum() < 0.1


def test_a_vote_of_drawn_answers_is_the_mean_over_all_choices():
    answers, true = [5, 5, 7, -1, -1, -1], 5
    for k in (1, 3, 6):
        points = []
        for some in combinations(answers, k):
            read = [x for x in some if x != -1]
            most = max((read.count(x) for x in read), default=0)
            leaders = {x for x in read if read.count(x) == most}
            points.append((true in leaders) / max(1, len(leaders)))
        got = np.mean([votes.voted(answers, true, k, seed) for seed in range(40)])
        assert got == pytest.approx(np.mean(points), abs=0.05)


# ---- what the house model does


@pytest.mark.parametrize("name, least", [("target", 28), ("draft", 20)])
def test_the_answer_follows_a_wrong_digit_and_the_true_one_hardly_ever_comes(name, least):
    some = sums.drawn_sums(30, start=700)
    for seed, column in ((0, 1), (1, 2), (2, 3)):
        prompts, says = sums.spoilt(some, "one wrong digit", column, seed)
        given = [sums.answer_in(said) for said in writing.write_on(lm.load(name), prompts, 8)]
        assert sum(x == sums.result(*one) for x, one in zip(given, some, strict=True)) <= 3
        assert sum(x == said for x, said in zip(given, says, strict=True)) >= least


def test_the_first_figure_opens_on_an_answer_that_is_what_the_working_says_and_not_the_sum():
    items = {item["label"]: item["value"] for item in view(house_model.spoil_the_working, "metrics")["items"]}
    assert items["The sum"] == 632 != items["What the working says"] == items["The model's answer"]


def test_a_working_of_ones_own_is_believed():
    own = "374+258; 4+8=12; 7+5+1=13; 3+2+1=9; ="
    assert readout(house_model.spoil_the_working, "The model's answer", own=own) == 932
    assert readout(house_model.spoil_the_working, "What the working says", own=own) == 932
    assert readout(house_model.spoil_the_working, "What the working says", own="374+258; 4+8=12; =") is None


@pytest.mark.parametrize("own", ["", "hello", "12+345", "100-200", "374+258; 4 + eight"])
def test_what_is_no_sum_is_answered_with_a_warning(own):
    assert view(house_model.spoil_the_working, "note", own=own)["kind"] == "warning"


def test_recorded_in_all_six_models_a_working_decides_the_answer():
    for name in ALL:
        for column in (1, 2, 3):
            true, said = recorded.SPOILT[f"{name} one wrong digit {column}"]
            assert true <= 0.04 and said > 0.8
        assert recorded.SPOILT[f"{name} filler 2"][0] <= 0.01
        assert recorded.SPOILT[f"{name} cut short 3"][0] < 0.2 and recorded.SPOILT[f"{name} cut short 1"][0] < 0.03
        assert recorded.SPOILT[f"{name} another sum's 2"][1] > 0.85
        assert recorded.SPOILT[f"{name} in reverse order 2"][1] > 0.8


def test_recorded_working_wins_in_every_model_and_four_digits_are_beyond_all():
    for name in ALL:
        direct, first = (recorded.BY_DIGITS[f"{name} {how} 3"][0] for how in ("at once", "worked"))
        assert first > direct and first > 0.85
        assert max(recorded.BY_DIGITS[f"{name} {how} 4"][0] for how in ("at once", "worked")) < 0.02
    assert all(recorded.BY_DIGITS[f"{name} at once 3"][0] < 0.05 for name in SMALLER)
    assert recorded.BY_DIGITS["quick at once 3"][0] > 0.8  # four layers can do it


def test_recorded_carries_make_a_sum_harder_at_once_and_are_not_all():
    none, one, two = (share for share, _ in recorded.BY_CARRIES["target"])
    assert two + 0.1 < one < none < 0.7
    assert sum(n for _, n in recorded.BY_CARRIES["target"]) == 1600


def test_the_recorded_shares_are_what_the_code_gives():
    some = sums.drawn_sums(60, 3)
    said = writing.write_on(lm.load("target"), [sums.at_once(*one) for one in some], 8)
    right = [sums.answer_in(words) == sums.result(*one) for words, one in zip(said, some, strict=True)]
    assert np.mean(right) == pytest.approx(recorded.BY_DIGITS["target at once 3"][0], abs=0.15)


def test_recorded_a_vote_ends_where_the_right_answer_is_the_likeliest_and_any_of_64_is_right_nearly_always():
    vote, some, words, plurality = recorded.VOTES["target at once"]
    assert abs(vote[-1] - plurality) < 0.03 and vote[-1] < 0.6 < 0.95 < some[-1]
    assert vote[0] < vote[3] < vote[-1] + 0.02
    assert 9 * words > recorded.BY_DIGITS["target worked 3"][1]  # nine answers cost more than one working
    assert recorded.VOTES["target worked"][0][0] > 0.99


def test_recorded_a_vote_helps_where_single_answers_are_mostly_right():
    for name in (*SMALLER, "draft"):
        vote, *_ = recorded.VOTES[f"{name} worked"]
        assert 0.6 < vote[0] < vote[3] - 0.02


def test_recorded_tries_find_what_the_model_cannot_do():
    vote, some, *_ = recorded.VOTES["heads8-1 at once"]
    assert vote[0] < 0.05 and some[-1] > 8 * vote[0]


def test_a_vote_of_nine_costs_more_words_than_one_working_and_is_half_as_right():
    assert readout(house_model.votes_and_tries, "Vote of 9") < 65
    assert readout(house_model.votes_and_tries, "One working of likeliest words") > 95
    assert readout(house_model.votes_and_tries, "Vote of 16", k=16) < 50  # half of the likeliest answers are wrong
    biased = readout(house_model.votes_and_tries, "pass@9", share=True)
    assert biased < readout(house_model.votes_and_tries, "pass@9") - 3


def test_recorded_votes_at_once_are_foretold_from_two_numbers_and_those_of_the_drafts_workings_are_not():
    for name in ("target", "quick"):
        for k, counted in zip((1, 2, 4, 8, 16, 32, 64), recorded.VOTES[f"{name} at once"][0], strict=True):
            assert house_model.foretold(name, "at once", k) == pytest.approx(counted, abs=0.03)
    p, one_of_two = recorded.VOTES["target at once"][1][:2]
    correlation = house_model.measured_correlation("target", "at once")
    assert method.any_right(p, 2, correlation) == pytest.approx(one_of_two) and 0.2 < correlation < 0.3
    assert house_model.foretold("draft", "worked", 64) + 0.02 < recorded.VOTES["draft worked"][0][-1]


# ---- what thinking takes


def test_seconds_of_thinking_are_the_sum_over_its_steps():
    for name, n, k in (("Llama-3.1-8B", 16_384, 1), ("gpt-oss-120b", 256, 4)):
        gpu, kind = demos.SERVED[name]
        slow = sum(step_time(MODELS[name], GPUS[gpu], demos.PROMPT + t, k, kind) for t in range(1, n + 1))
        assert demos.thinking_seconds(name, n, k) == pytest.approx(slow, rel=2e-3)


def test_side_by_side_a_mixture_gains_less_than_a_dense_model():
    gains = {name: demos.thinking_seconds(name, 16_384, 1) / demos.thinking_seconds(name, 1024, 16)
             for name in ("Llama-3.1-8B", "gpt-oss-120b")}  # fmt: skip
    assert gains["Llama-3.1-8B"] > 12 and 2.5 < gains["gpt-oss-120b"] < 3.5
