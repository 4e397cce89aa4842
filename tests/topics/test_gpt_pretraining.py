"""The claims of the page on GPT pretraining."""

import math
from functools import cache
from itertools import islice, pairwise

import numpy as np
import pytest

from topics.gpt_pretraining import demos, house_model, method, readers_text, runs, training_runs
from topics.gpt_pretraining.recorded import FAST, SCHEDULED, TASKS, WIDE
from topics.kit import lm, max_abs_difference
from topics.kit.model.language import next_word
from topics.kit.model.losses import word_losses
from topics.kit.model.text import encode, held_out
from topics.kit.model.training import windows
from topics.kit.page.demo import defaults, views_of

pytestmark = pytest.mark.topic("gpt_pretraining")
SEEDS = (0, 1, 2)


def view(demo, kind, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind]
    return found if len(found) > 1 else found[0]


# ---- masks, laws, counts


def test_a_document_mask_shows_what_is_earlier_and_ones_own():
    documents = np.array([0, 0, 1, 1, 1, 2])
    for i in range(6):
        for j in range(6):
            assert method.document_mask(documents)[i, j] == (j <= i and documents[i] == documents[j])
    assert (method.document_mask(np.zeros(5, int)) == method.causal_mask(5)).all()


def test_a_causal_mask_is_what_the_house_model_uses_by_itself():
    words = encode(held_out(1)[0].words)
    own, given = (lm.forward(lm.load("target"), words, **how) for how in ({}, {"mask": method.causal_mask(len(words))}))
    assert (own == given).all()


def test_tokens_are_drawn_as_often_as_the_cut_law_says():
    logits, rng = np.log([0.5, 0.3, 0.15, 0.05]), np.random.default_rng(0)
    drawn = np.bincount([method.sample(logits, rng, min_p=0.2) for _ in range(4000)], minlength=4) / 4000
    np.testing.assert_allclose(drawn, np.array([0.5, 0.3, 0.15, 0]) / 0.95, atol=0.025)


@pytest.mark.parametrize(("L", "d", "N"), [(12, 768, 124_439_808), (48, 1600, 1_557_611_200)])
def test_gpt2_is_counted_as_its_checkpoints_are(L, d, N):
    assert method.gpt2_parameters(L, d) == N


def test_a_gpt2_is_counted_matrix_by_matrix():
    L, d, V, T = 3, 8, 50, 16
    layer = [(d, 3 * d), (3 * d,), (d, d), (d,), (d, 4 * d), (4 * d,), (4 * d, d), (d,), *[(d,)] * 4]
    expected = V * d + T * d + L * sum(math.prod(shape) for shape in layer) + 2 * d
    assert method.gpt2_parameters(L, d, V, T) == expected


def test_gpt3_took_three_times_ten_to_the_23():
    assert method.training_flops(174.6e9, 300e9) == pytest.approx(3.14e23, rel=0.002)


# ---- the reader's text


def test_tables_are_judged_as_their_definition_says():
    seen, held, V = [0, 1, 0, 2, 0, 1], [1, 0, 2, 1], 3
    single, pairs = 0.0, 0.0
    for a, b in pairwise(held):
        single -= math.log((seen.count(b) + 0.1) / (len(seen) + 0.3))
        n = [sum((x, y) == (a, c) for x, y in pairwise(seen)) + 0.1 for c in range(V)]
        pairs -= math.log(n[b] / sum(n))
    found = readers_text.table_losses(np.array(seen), np.array(held), V)
    np.testing.assert_allclose(found, (single / 3, pairs / 3))


def test_the_held_out_loss_is_the_mean_over_windows_that_do_not_overlap():
    rng = np.random.default_rng(0)
    model, held = readers_text.small_gpt(5, 32, rng), rng.integers(0, 5, 70)
    losses = []
    for start in (0, 32):
        for t in range(32):
            logits = lm.forward(model, held[start : start + t + 1])[-1].astype(float)
            losses.append(math.log(np.exp(logits).sum()) - logits[held[start + t + 1]])
    assert readers_text.held_out_loss(model, held) == pytest.approx(np.mean(losses), abs=1e-5)


@pytest.mark.parametrize("gap", [0, 1, 2])
def test_labels_are_as_many_places_on_as_asked(gap):
    text = np.arange(100)
    batch = next(readers_text.labelled(windows(text, 8, 3, np.random.default_rng(0)), gap))
    assert (batch[1] == batch[0] + gap).all() and batch[0].shape == batch[1].shape


def test_the_held_out_tenth_is_never_learnt_from():
    _, numbers = readers_text.spread(readers_text.STORY)
    seen, held = readers_text.parted(numbers)
    assert len(seen) + len(held) == len(numbers) and len(held) == math.ceil(len(numbers) / 10)
    for tokens, following, _ in islice(windows(seen, 32, 8, np.random.default_rng(0)), 30):
        assert tokens.max() < 36 and following.shape == tokens.shape


@cache
def quick_run(seed, steps=50, optimizer="Muon", labels=readers_text.LABELS[0]):
    signs, numbers = readers_text.spread(readers_text.STORY)
    rng = np.random.default_rng(seed)
    return list(demos.learning(signs, numbers, labels, optimizer, 32, steps, rng))[-1]


def held_out_end(views):
    return views[2]["items"][0]["value"]


@pytest.mark.parametrize("seed", SEEDS)
def test_within_a_few_dozen_steps_a_gpt_is_past_the_pairs(seed):
    assert held_out_end(quick_run(seed)) < readers_text.story_tables()[1] < readers_text.story_tables()[0]


def test_a_text_too_short_to_hold_out_is_refused_with_its_length():
    (note,) = views_of(demos.learn_your_text, defaults(demos.learn_your_text) | {"text": "short"})
    assert "400" in note["text"] and "5" in note["text"]


# ---- what is taught


def test_shifted_twice_the_loss_falls_while_the_next_character_is_lost():
    for seed in SEEDS:
        run = TASKS["the one after that"][seed]
        assert run[-1][0] < run[0][0] - 0.5
        assert run[-1][1] > np.log(len(readers_text.spread(readers_text.STORY)[0]))


def test_not_shifted_the_loss_runs_to_nearly_nothing():
    assert all(TASKS["the character itself"][seed][-1][0] < 0.1 for seed in SEEDS)


def test_the_recorded_runs_are_what_the_code_does():
    found = runs.task_run(1, readers_text.LABELS[0], n=20)
    np.testing.assert_allclose(found, TASKS[readers_text.LABELS[0]][1][:2], atol=0.02)


# ---- tokens


def test_replaying_merges_counts_what_encoding_gives():
    text = readers_text.STORY[:400]
    merges, lengths = demos.learnt(text)
    for n in (0, 7, len(merges)):
        assert lengths[n] == len(method.bpe_encode(text, dict(islice(merges.items(), n))))


def test_sixty_merges_make_the_text_about_half_as_long_and_it_runs_dry():
    merges, lengths = demos.learnt(readers_text.STORY[:1150])
    assert 0.4 < lengths[60] / lengths[0] < 0.55
    assert 60 < len(merges) < demos.MOST_MERGES
    assert lengths[0] - lengths[1] > 20 > lengths[59] - lengths[60]


def test_encoding_takes_the_merge_that_was_learnt_first_not_the_longest_token():
    a, b, c = b"abc"
    assert method.bpe_encode("abc", {(a, b): 256, (b, c): 257}) == [256, c]
    assert method.bpe_encode("abcc", {(a, b): 256, (b, c): 257, (257, c): 258}) == [256, c, c]  # “bcc” is longer


def test_the_numbers_and_bytes_that_are_shown_are_those_of_gpt_2s_tokens():
    rows = view(demos.cut_into_tokens, "table", cut="Hello world 🦉")[1]["rows"]
    assert [row[1] for row in rows[:2]] == [15_496, 995]
    assert bytes.fromhex(" ".join(row[2] for row in rows)).decode() == "Hello world 🦉"


def test_gpt2_cuts_a_number_in_threes_and_keeps_a_user_name_whole():
    tokens = view(demos.cut_into_tokens, "tokens")[1]["tokens"]
    assert tokens[5:8] == ["·123", "45", "67"] and "·SolidGoldMagikarp" in tokens and "·strawberry" in tokens


# ---- sampling


def test_true_laws_are_those_of_the_language():
    words = held_out(1, start=77)[0].words
    found = house_model.laws(words)
    for t in (0, 1, 5, len(words) - 2):
        expected = next_word(words[: t + 1])
        assert max_abs_difference(found[t], house_model._as_array(expected)) < 1e-15


def test_temperature_one_is_closest_to_the_truth():
    apart = {T: house_model.graded(temperature=T)[2] for T in (0.5, 0.8, 1.0, 1.3, 2.0)}
    assert min(apart, key=apart.get) == 1.0


def test_a_cut_trades_what_is_forbidden_for_what_is_true():
    free, cut = house_model.graded(), house_model.graded(top_p=0.9)
    assert cut[0] < free[0] and cut[1] > free[1] == 0 and house_model.graded(top_k=10)[1] > cut[1]
    hot, held = house_model.graded(temperature=1.5), house_model.graded(temperature=1.5, min_p=0.1)
    assert held[0] < hot[0] / 1.5


def test_a_sample_names_the_first_word_that_the_language_forbids():
    start = encode("[polite] story : Anna has coins .")
    words, wrong = house_model.a_sample(start, {"temperature": 2.0}, 3)
    before = ["[polite]", "story", ":", "Anna", "has", "coins", "."]
    for place, word in enumerate(words[: len(words) if wrong is None else wrong + 1]):
        assert (word not in next_word(before + words[:place])) == (place == wrong)


# ---- packing


@pytest.mark.parametrize("seed", SEEDS)
def test_behind_another_text_a_text_costs_many_times_as_much_and_with_the_mask_the_same(seed):
    alone, packed = house_model.packed_losses(False, seed=seed)
    assert packed > 4 * alone
    assert house_model.packed_losses(True, seed=seed)[1] == pytest.approx(alone, abs=1e-4)


def test_the_loss_of_a_window_is_that_of_its_texts():
    (only,) = house_model.short_texts(1, 0)
    numbers = encode(only.words)
    (found,) = house_model.losses_of(lm.forward(lm.load("target"), numbers), numbers, np.zeros(len(numbers), int))
    np.testing.assert_allclose(found, word_losses(lm.load("target"), only.words), atol=1e-5)


# ---- recorded runs


def test_the_schedules_end_where_they_should():
    for peak in runs.PEAKS:
        for schedule in runs.SCHEDULES:
            rates = [runs.rate_of(schedule, t, peak) for t in range(1, runs.STEPS + 1)]
            assert max(rates) == peak and rates[0] == pytest.approx(peak / runs.WARM)
            assert rates[-1] == pytest.approx(peak if schedule.startswith("constant") else 0)


def test_the_runs_that_are_too_fast_keep_their_scores_under_qk_norm():
    limit = math.sqrt(8) + 0.01
    assert all(score <= limit for (_, _, norm), runs_ in FAST.items() if norm for _, score in runs_ if score)


def test_at_the_lower_rate_averaging_ends_lowest_and_a_cosine_gains_nothing():
    slow = SCHEDULED[0.01]
    for seed in SEEDS:
        ends = {name: slow[name][seed] for name in runs.SCHEDULES}
        assert min(ends, key=ends.get) == "constant, averaged"
        assert ends["warm-up, stable, decay"] < min(ends["constant"], ends["cosine"])
        assert abs(ends["cosine"] - ends["constant"]) < 0.02


def test_at_the_higher_rate_the_cosine_ends_lowest_and_the_constant_rate_highest():
    for seed in SEEDS:
        ends = {name: SCHEDULED[0.03][name][seed] for name in runs.SCHEDULES}
        assert min(ends, key=ends.get) == "cosine" and ends["constant"] > 1.05 * sorted(ends.values())[2]


def test_each_at_its_better_rate_cosine_and_averaging_end_alike():
    ends = [training_runs.ended(name, training_runs.better_peak(name)) for name in ("cosine", "constant, averaged")]
    assert abs(ends[0] - ends[1]) < 0.005
    assert [training_runs.better_peak(name) for name in ("cosine", "constant, averaged")] == [0.03, 0.01]


def test_scores_grow_with_the_rate_and_warm_up_and_qk_norm_help_at_a_tenth():
    for warm in runs.WARM_UPS:
        for seed in SEEDS:
            scores = [FAST[eta, warm, False][seed][1] for eta in (0.01, 0.03, 0.1)]
            assert scores[1] > 2 * scores[0] and scores[2] > 5 * scores[1]
    plain, warmed, both = (
        [loss for loss, _ in FAST[0.1, warm, norm]] for warm, norm in ((0, False), (30, False), (30, True))
    )
    assert np.median(both) < np.median(warmed) < np.median(plain) and max(both) < min(plain)
    assert np.median([x for x, _ in FAST[0.01, 0, True]]) > np.median([x for x, _ in FAST[0.01, 0, False]]) - 0.1
    assert all(FAST[0.3, warm, norm] == ((None, None),) * 3 for warm in (0, 30) for norm in (False, True))


def test_a_wide_model_goes_on_learning_its_text_by_heart_while_the_held_out_loss_does_not_follow():
    for seed in SEEDS:
        learnt, held = zip(*WIDE[seed], strict=True)
        assert learnt[-1] < learnt[2] - 0.5 and held[-1] > held[2] - 0.1  # since step 120
    assert np.mean([run[-1][1] for run in WIDE]) > np.mean([run[2][1] for run in WIDE])


@pytest.mark.parametrize("seed", SEEDS)
def test_muons_losses_are_lower_on_the_way_than_adamws(seed):
    muon, adamw = (quick_run(seed, optimizer=name)[1]["data"][1]["y"] for name in ("Muon", "AdamW"))
    assert np.mean(muon[1:]) < np.mean(adamw[1:]) - 0.01


def test_the_questions_numbers_are_those_of_the_figures():
    assert demos.gpt2_tokens(readers_text.STORY[:1150]) == 279
    assert demos.learnt(readers_text.STORY[:1150])[1][60] == 546


def test_the_first_loss_is_above_ln_v():
    assert all(readers_text.first_loss(seed) > np.log(36) for seed in SEEDS)
