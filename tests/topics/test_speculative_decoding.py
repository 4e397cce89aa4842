"""The claims of the page on speculative decoding."""

import math
from itertools import product

import numpy as np
import pytest

from topics.kit import GPUS, MODELS, lm
from topics.kit.model.text import encode, held_out
from topics.kit.page.demo import defaults, views_of
from topics.kit.real.costs import step_time
from topics.speculative_decoding import decoding, demos, house_model, method, tree
from topics.speculative_decoding.decoding import DRAFT, EXIT, LOOKUP

pytestmark = pytest.mark.topic("speculative_decoding")


def random_laws(seed, n, V, empty=False):
    """n laws over V words, sharply different; `empty`: each leaves out a word."""
    p = np.random.default_rng(seed).dirichlet([0.4] * V, n)
    if empty:
        p[np.arange(n), np.random.default_rng(seed + 99).integers(0, V, n)] = 0
    return p / p.sum(1, keepdims=True)


class Script:
    """In the place of numpy's Generator: each random() falls below or above a chance that the test tells, and choice()
    notes the law that it is asked to draw from."""

    def __init__(self, chances, below):
        self.turns, self.law = iter(zip(chances, below, strict=True)), None

    def random(self):
        chance, below = next(self.turns)
        return chance / 2 if below else (1 + chance) / 2

    def choice(self, n, p):
        self.law = np.array(p)
        return 0


def chance_of(p, q):
    return 1.0 if q == 0 else min(1.0, p / q)


def law_of_texts(P, Q, gamma, length, V):
    """The law of the first `length` words, by adding up all guesses and all decisions of one speculative step; what a
    step leaves open is completed by the target. P and Q give the laws after a prefix."""
    texts = {}

    def complete(prefix, weight):
        if len(prefix) >= length:
            texts[prefix[:length]] = texts.get(prefix[:length], 0.0) + weight
            return
        for w in range(V):
            complete((*prefix, w), weight * P(prefix)[w])

    for x in product(range(V), repeat=gamma):
        p = np.array([P(x[:i]) for i in range(gamma + 1)])
        q = np.array([Q(x[:i]) for i in range(gamma)])
        guessed = math.prod(q[i, w] for i, w in enumerate(x))
        chances = [chance_of(p[i, w], q[i, w]) for i, w in enumerate(x)]
        for accepted in range(gamma + 1):
            happens = math.prod(chances[:accepted]) * (1 - chances[accepted] if accepted < gamma else 1)
            if guessed * happens == 0:
                continue
            script = Script(chances, [i < accepted for i in range(gamma)])
            words = method.speculative_step(p, q, list(x), script)
            assert tuple(words[:-1]) == x[:accepted]
            for w in range(V):
                complete((*x[:accepted], w), guessed * happens * script.law[w])
    return texts


def target_law_of_texts(P, length, V):
    texts = {}
    for text in product(range(V), repeat=length):
        texts[text] = math.prod(P(text[:i])[w] for i, w in enumerate(text))
    return texts


# ---- the rule


@pytest.mark.parametrize("gamma, V, empty", [(1, 4, False), (2, 3, False), (2, 3, True), (3, 2, True)])
def test_after_a_step_the_law_of_texts_is_the_targets_by_enumeration(gamma, V, empty):
    for seed in range(4):
        tables = [
            dict(zip(prefixes := [x for n in range(gamma + 1) for x in product(range(V), repeat=n)],
                     random_laws(seed + shift, len(prefixes), V, empty), strict=True))
            for shift in (0, 1000)
        ]  # fmt: skip
        P, Q = (table.__getitem__ for table in tables)
        mine, right = law_of_texts(P, Q, gamma, gamma + 1, V), target_law_of_texts(P, gamma + 1, V)
        for text, probability in right.items():
            assert mine.get(text, 0.0) == pytest.approx(probability, abs=1e-14)


def test_the_acceptance_rate_is_one_minus_the_distance_of_the_laws():
    for seed in range(20):
        p, q = random_laws(seed, 2, 6, empty=seed % 2)
        slow = sum(chance_of(a, b) * b for a, b in zip(p, q, strict=True))
        assert method.acceptance_rate(p, q) == pytest.approx(slow, abs=1e-14)
        assert method.acceptance_rate(p, q) == pytest.approx(1 - method.distance(p, q), abs=1e-14)


def slow_law(p, q, likeliest, equal, again):
    """The law of the first word by a loop over guesses, and over words drawn from p."""
    V = len(p)
    law, taken = np.zeros(V), 0.0
    for x in range(V):
        guessed = float(x == int(np.argmax(q))) if likeliest else q[x]
        if equal:
            for y in range(V):
                if y == x:
                    law[x] += guessed * p[y]
                    taken += guessed * p[y]
                elif again:
                    law += guessed * p[y] * p
                else:
                    law[y] += guessed * p[y]
        else:
            a = chance_of(p[x], q[x])
            law[x] += guessed * a
            taken += guessed * a
            more = [max(0.0, p[y] - q[y]) for y in range(V)]
            law += guessed * (1 - a) * (p if again or sum(more) == 0 else np.array(more) / sum(more))
    return law, taken


@pytest.mark.parametrize("likeliest, equal, again", list(product([False, True], repeat=3)))
def test_each_rule_gives_the_law_that_a_loop_over_all_cases_gives(likeliest, equal, again):
    for seed in range(6):
        p, q = random_laws(seed, 2, 5, empty=seed % 2)
        law, accepted = method.law_of_step(p, q, likeliest, equal, again)
        right, taken = slow_law(p, q, likeliest, equal, again)
        assert np.abs(law - right).max() < 1e-14
        assert accepted == pytest.approx(taken, abs=1e-14)


def test_rules_that_claim_the_targets_law_have_it_and_the_faults_have_not():
    for seed in range(10):
        p, q = random_laws(seed, 2, 6)
        for rule in ({}, {"equal": True}, {"equal": True, "likeliest": True}):
            assert method.distance(method.law_of_step(p, q, **rule)[0], p) < 1e-14
        for fault in ({"again": True}, {"likeliest": True}, {"equal": True, "again": True}):
            assert method.distance(method.law_of_step(p, q, **fault)[0], p) > 1e-3


def test_an_argmax_taken_as_certain_is_the_simple_rule():
    for seed in range(5):
        p, q = random_laws(seed, 2, 6)
        certain = (np.arange(6) == q.argmax()) * 1.0
        law, accepted = method.law_of_step(p, certain)
        assert np.abs(law - p).max() < 1e-14
        assert accepted == pytest.approx(method.law_of_step(p, q, likeliest=True, equal=True)[1])
        assert accepted == pytest.approx(p[q.argmax()])


def test_equal_words_are_never_likelier_than_acceptance_by_the_ratio():
    for seed in range(20):
        p, q = random_laws(seed, 2, 6, empty=True)
        assert method.law_of_step(p, q, equal=True)[1] <= method.acceptance_rate(p, q) + 1e-15


def test_drawn_words_have_the_targets_law_too():
    p, q = random_laws(3, 3, 4), random_laws(4, 2, 4)
    rng, counts = np.random.default_rng(0), np.zeros(4)
    for _ in range(4000):
        x = [method.draw(law, rng) for law in q]
        counts[method.speculative_step(p, q, x, rng)[0]] += 1
    assert np.abs(counts / 4000 - p[0]).max() < 4 * math.sqrt(0.25 / 4000)


def test_equal_laws_leave_nothing_to_reject():
    p = random_laws(0, 3, 5)
    assert method.acceptance_rate(p, p) == pytest.approx(1)
    assert np.array_equal(method.residual_distribution(p[0], p[0]), p[0])


# ---- candidates, look-up


def test_several_candidates_leave_the_targets_law_by_enumeration():
    V = 4
    for seed, k in product(range(4), (1, 2, 3)):
        p, q = random_laws(seed, 2, V, empty=seed % 2)
        law, taken = np.zeros(V), 0.0
        for xs in product(range(V), repeat=k):
            left, chances = p, []
            for x in xs:
                chances.append(chance_of(left[x], q[x]))
                more = np.maximum(left - q, 0)
                left = more / more.sum() if more.sum() > 0 else left
            for accepted in range(k + 1):
                happens = math.prod(1 - c for c in chances[:accepted]) * (chances[accepted] if accepted < k else 1)
                weight = math.prod(q[x] for x in xs) * happens
                if weight == 0:
                    continue
                script = Script(chances, [i == accepted for i in range(k)])
                word, number = method.tree_accept(p, q, list(xs), script)
                if accepted < k:
                    assert (word, number) == (xs[accepted], accepted)
                    law[word] += weight
                    taken += weight
                else:
                    assert number is None
                    law += weight * script.law
        assert np.abs(law - p).max() < 1e-13
        assert method.tree_acceptance(p, q, k) == pytest.approx(taken, abs=1e-13)


def slow_lookup(words, gamma, longest):
    for n in range(longest, 0, -1):
        found = (
            [i for i in range(len(words) - n) if words[i : i + n] == words[len(words) - n :]] if n < len(words) else []
        )
        if found:
            return words[found[-1] + n :][:gamma]
    return []


def test_look_up_takes_the_latest_place_of_the_longest_ending():
    rng = np.random.default_rng(0)
    for _ in range(200):
        words = rng.integers(0, 4, rng.integers(1, 15)).tolist()
        for gamma, longest in ((1, 1), (4, 3)):
            assert method.ngram_draft(words, gamma, longest) == slow_lookup(words, gamma, longest)


# ---- what it brings


def test_words_a_pass_are_counted_over_all_outcomes():
    for alpha, gamma in ((0.8, 4), (0.5, 1), (0.95, 8), (0.3, 0)):
        outcomes = [alpha**n * (1 - alpha) * (n + 1) for n in range(gamma)] + [alpha**gamma * (gamma + 1)]
        assert method.expected_tokens(alpha, gamma) == pytest.approx(sum(outcomes))
        assert method.expected_tokens(alpha, gamma) == pytest.approx((1 - alpha ** (gamma + 1)) / (1 - alpha))


def test_four_guesses_at_eight_tenths_make_3_36_words_and_2_80_times_the_speed_and_eight_are_best():
    assert round(method.expected_tokens(0.8, 4), 2) == 3.36
    assert round(method.speedup(0.8, 4, 0.05), 2) == 2.80
    assert method.best_gamma(0.8, 0.05) == 8
    assert round(method.speedup(0.8, 8, 0.05), 2) == 3.09


def test_experts_that_a_check_reads_are_those_of_tokens_that_choose_by_chance():
    rng = np.random.default_rng(0)
    for E, k, n in ((8, 2, 3), (16, 4, 2)):
        touched = np.mean([len(set(np.concatenate([rng.permutation(E)[:k] for _ in range(n)]))) for _ in range(4000)])
        assert method.expert_cost(E, k, n, 0.6) == pytest.approx(0.4 + 0.6 * touched / k, rel=0.02)
    assert method.expert_cost(256, 8, 1, 0.7) == pytest.approx(1)
    words = method.expected_tokens(0.85, 3)
    assert [round(words / method.expert_cost(256, 8, 4, s), 2) for s in (0.0, 0.6, 0.9)] == [3.19, 1.18, 0.9]


@pytest.mark.parametrize("name", demos.SERVED)
def test_a_check_of_one_word_is_a_plain_step_and_caches_are_read_once(name):
    gpu, kind, *_ = demos.SERVED[name]
    m, chip = MODELS[name], GPUS[gpu]
    assert method.time_of(method.works(m, 500, 7, 1, kind, chip.n), chip) == pytest.approx(
        step_time(m, chip, 500, 7, kind)
    )
    plain, check = (method.works(m, 500, 7, n, kind, chip.n) for n in (1, 4))
    assert check[-1] == (4 * plain[-1][0], plain[-1][1])
    assert sum(w[0] for w in check) == pytest.approx(4 * sum(w[0] for w in plain))
    assert method.gain(m, chip, 500, 7, 0, 0.8, 0.0, kind) == pytest.approx(1)


# ---- the house model


@pytest.mark.parametrize("draft", [DRAFT, EXIT, LOOKUP])
def test_caches_that_were_cut_give_the_laws_that_a_fresh_pass_gives(draft):
    text = encode("[polite] song :").tolist()
    target, model = lm.load("target"), None if draft == LOOKUP else decoding.drafter(draft)
    for each in decoding.write(text, 3, draft, 1.0, seed=1, longest=30):
        with_guesses = [*text, *each.guesses]
        fresh = decoding.laws(target, with_guesses, None, 1.0)[len(text) - 1 :]
        assert np.abs(each.p - fresh).max() < 1e-5
        if model and each.guesses:
            fresh = decoding.laws(model, with_guesses, None, 1.0)[len(text) - 1 : -1]
            assert np.abs(each.q - fresh).max() < 1e-5
        assert each.words[: each.accepted] == each.guesses[: each.accepted]
        assert each.own == 1 or (each.own == 0 and each.words[-1] == decoding.END)
        text += each.words
    assert len(text) == 30 or text[-1] == decoding.END
    assert decoding.END not in text[:-1]


def test_an_early_exit_is_the_targets_first_three_layers():
    words, seen = encode("[polite] facts : dogs eat"), {}
    target = lm.load("target")
    lm.forward(target, words, see=lambda name, layer, x: seen.update({(name, layer): x}))
    logits = lm.linear(lm.rms_norm(seen["residual", 2], target.weights["norm"]), target.weights["embedding"])
    assert np.abs(lm.forward(decoding.drafter(EXIT), words) - logits).max() < 1e-4


def test_four_guesses_give_more_than_four_words_a_pass_of_a_story_and_most_are_the_drafts():
    for seed in range(3):
        views = {
            v["view"]: v
            for v in views_of(house_model.write_together, defaults(house_model.write_together) | {"seed": seed})
        }
        a_pass, written = (item["value"] for item in views["metrics"]["items"][:2])
        assert a_pass > 4
        assert written > 75
        bars = views["figure"]["data"]
        assert sum(bars[0]["y"]) == sum(views["tokens"]["values"])


def test_a_word_that_is_told_as_the_targets_own_could_come_from_its_law_or_the_residual():
    ended_on_a_guess = 0
    for seed in range(4):
        for each in decoding.write(encode("[polite] story :").tolist(), 4, DRAFT, 1.0, seed, 60):
            n = each.accepted
            assert each.words[:n] == each.guesses[:n]
            if each.own:
                q = each.q[n] if n < len(each.guesses) else np.zeros(each.p.shape[1])
                assert each.p[n, each.words[-1]] > q[each.words[-1]]
            else:
                assert each.words[-1] == each.guesses[n - 1] == decoding.END
                told = house_model._frame(1, each)
                assert f"{n} of {len(each.guesses)} guesses accepted; the text ends with the guess" in str(told)
                assert "rejected" not in str(told)
                ended_on_a_guess += 1
    assert ended_on_a_guess == 3  # by these seeds; the fourth text is cut at its sixtieth word


def test_words_a_pass_are_those_of_the_formula_but_for_the_last_pass_of_each_text():
    formula = method.expected_tokens(house_model.alphas("story").mean(), 8)
    assert abs(house_model.words_a_pass(8, seeds=6, last=False) - formula) < 0.5
    assert house_model.words_a_pass(8, seeds=6) < formula - 0.2


def test_a_good_draft_hides_the_first_fault_and_not_the_second():
    for text in (house_model.FACTS, "[polite] story :", "[polite] song :", "[polite] story : Anna has"):
        assert house_model.law_off(text) < 1e-14
        assert 0.05 < house_model.law_off(text, EXIT, again=True) < 0.2
        assert house_model.law_off(text, DRAFT, again=True) < 0.01
        assert house_model.law_off(text, DRAFT, likeliest=True) > 0.85
        assert house_model.law_off(text, EXIT, likeliest=True) > 0.25


def test_the_simple_rule_accepts_few_of_many_likely_words_and_all_where_the_target_is_sure():
    few = house_model.guess_accepted(draft=DRAFT, equal=True)
    assert few < 0.1
    assert house_model.guess_accepted(draft=DRAFT) > 0.98
    assert abs(few - 1 / 12) < 0.01  # two fair draws among twelve animals
    sure = house_model.guess_accepted(house_model.SUM, draft=DRAFT, equal=True, likeliest=True)
    assert sure > 0.95
    assert house_model.guess_accepted(house_model.SUM, draft=DRAFT) < 0.55


def test_guesses_fail_at_digits_that_must_be_computed_and_hold_where_words_are_copied():
    assert house_model.alphas("answer", skill="answer").mean() < 0.7
    assert house_model.alphas("song", skill="copy").mean() > 0.99
    numbers = encode(defaults(house_model.where_guesses_hold)["text"])
    rates = house_model.rates_of(*house_model.laws_of(numbers, DRAFT))[:, 0]
    assert sorted(np.argsort(rates)[:3] + 3) == [11, 12, 13]  # the three digits of the result
    assert rates[[0, 1, 2, 4, 5, 6]].min() > 0.9  # the digits of both numbers, which are pure chance


def test_candidates_help_a_poor_draft_most():
    for kind in ("story", "facts", "answer"):
        numbers = encode(held_out(1, kind, start=3)[0].words)
        poor, good = (house_model.rates_of(*house_model.laws_of(numbers, draft)).mean(0) for draft in (EXIT, DRAFT))
        assert (np.diff(poor) > 0).all()
        assert poor[3] - poor[0] > 0.08 > good[3] - good[0]


def test_look_up_is_free_on_songs_and_an_early_exit_slower_than_none():
    assert house_model.words_a_pass(4, "song", LOOKUP) > 1.4
    assert house_model.words_a_pass(4, "answer", LOOKUP) < 1.1
    cost = house_model.COST[EXIT]()
    assert round(cost, 2) == 0.76
    assert house_model.words_a_pass(4, "song", EXIT) / (1 + 4 * cost) < 0.8
    assert house_model.words_a_pass(4, "song", EXIT) > house_model.words_a_pass(4, "song", LOOKUP)
    c = house_model.COST[DRAFT]()
    assert round(c, 2) == 0.10
    assert house_model.words_a_pass(4, "song", DRAFT) / (1 + 4 * c) > house_model.words_a_pass(4, "song", LOOKUP)


# ---- a tree of guesses


def random_tree(rng, n):
    return [int(rng.integers(-1, i)) for i in range(n)]


def test_a_guess_of_a_tree_sees_the_text_its_branch_and_itself():
    rng = np.random.default_rng(0)
    for n, t in ((1, 0), (6, 3), (9, 2)):
        parents = random_tree(rng, n)
        mask, depths = method.tree_mask(parents, t)
        for i in range(n):
            line, at = set(), i
            while at >= 0:
                line.add(at)
                at = parents[at]
            assert set(np.flatnonzero(mask[i])) == {*range(t), *(t + j for j in line)}
            assert depths[i] == len(line) - 1


def test_one_pass_over_a_tree_gives_the_laws_that_a_pass_for_each_branch_gives():
    rng, words = np.random.default_rng(1), encode("[polite] facts : dogs eat bread . cats eat").tolist()
    for _ in range(3):
        parents, guesses = random_tree(rng, 7), rng.integers(0, 147, 7).tolist()
        p = tree.check(words, guesses, parents)
        assert np.abs(p - tree.branch_by_branch(words, guesses, parents)).max() < 1e-5
    words, grown = encode(tree.TEXT).tolist(), tree.grow(encode(tree.TEXT).tolist(), lm.load("draft"), 8, tree.SURE)[:2]
    wrong = tree.check(words, *grown, wrong=True)
    assert np.abs(wrong - tree.branch_by_branch(words, *grown)).max() > 0.3


def test_the_words_that_a_tree_brings_are_counted_over_all_texts_that_the_target_may_draw():
    words = encode("[polite] facts : dogs").tolist()
    guesses, parents, _ = tree.grow(words, lm.load("draft"), 6, tree.SURE)

    def drawn(node, chance):  # of all words that may be drawn after a node, those in the tree go on
        p = lm.probabilities(lm.forward(lm.load("target"), [*words, *tree.branch(guesses, parents, node)])[-1])
        below = {guesses[i]: i for i in range(len(guesses)) if parents[i] == node}
        return chance + sum(drawn(i, chance * p[w]) for w, i in below.items())

    mine = tree.expected_words(tree.check(words, guesses, parents), guesses, parents)
    assert mine == pytest.approx(drawn(-1, 1.0), rel=1e-5)


def test_a_tree_grows_where_the_draft_is_sure():
    words = encode(tree.TEXT).tolist()
    guesses, parents, sure = tree.grow(words, lm.load("draft"), 8, tree.SURE)
    assert (np.diff(sure) < 1e-9).all()  # the surest first
    for i, word in enumerate(guesses):
        q = decoding.laws(lm.load("draft"), [*words, *tree.branch(guesses, parents, parents[i])], None, 1.0)[-1]
        assert sure[i] == pytest.approx(q[word] * (sure[parents[i]] if parents[i] >= 0 else 1), abs=1e-5)
    assert tree.grow(words, lm.load("draft"), 4, tree.CHAIN)[1] == [-1, 0, 1, 2]
    assert tree.grow(words, lm.load("draft"), 4, tree.WIDE)[1] == [-1] * 4


def test_a_tree_of_eight_guesses_gives_more_words_than_a_chain_where_several_words_are_likely():
    chain, wide, sure, wins, _ = tree.words_by_shape(8)
    assert sure > chain + 0.4 > wide
    assert wins > 0.85
    assert tree.shape_words(tree.SURE) > tree.shape_words(tree.WIDE) > tree.shape_words(tree.CHAIN)
    chain, _, sure, wins, _ = tree.words_by_shape(8, "explain", texts=2)
    assert sure - chain < 0.3
    assert wins < 0.5


# ---- load and experts


def test_a_mixture_gains_little_for_few_users_and_much_for_many_and_a_dense_model_the_other_way_round():
    for name in ("DeepSeek-V3", "gpt-oss-120b"):
        one, four, many = (demos.gain_of(name, 2048, B) for B in (1, 4, 128))
        assert four < one < 1.5
        assert many > 2.4
    assert demos.gain_of("DeepSeek-V3", 2048, 4) < 1.05
    dense = [demos.gain_of("Llama-3.1-8B", 2048, B) for B in (1, 64, 256)]
    assert dense[0] == pytest.approx(dense[1], rel=0.01)
    assert dense[2] < 2.0 < 2.6 < dense[1]


def test_with_short_texts_many_users_lose_and_with_long_ones_they_gain():
    assert demos.gain_of("Llama-3.1-8B", 128, 128) > 1.5
    assert demos.gain_of("Llama-3.1-8B", 128, 256) < 1
    assert demos.gain_of("Llama-3.1-8B", 128, 512) < 0.9
    assert demos.gain_of("Llama-3.1-8B", 16_384, 512) > 2.5


def test_the_rooflines_are_told_of_as_they_are_drawn():
    figure, table, _ = views_of(demos.under_load, defaults(demos.under_load))
    for trace in figure["data"]:
        assert f"{trace['name']} {trace['y'][0]:.2f}, {trace['y'][2]:.2f}" in figure["alt"]
    assert [row[0] for row in table["rows"]] == list(demos.SERVED)
