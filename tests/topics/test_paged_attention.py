"""The claims of the page on PagedAttention."""

import math
from collections import Counter
from itertools import pairwise, product
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from topics.kit import GPUS, MODELS, UnreadableError, lm
from topics.kit.model.language import NAMES, THINGS
from topics.kit.model.text import decode, encode, held_out
from topics.kit.page.demo import defaults, views_of
from topics.paged_attention import demos, house_model, method, scheduler, serving

pytestmark = pytest.mark.topic("paged_attention")
RUNS = Path(__file__).resolve().parent.parent.parent / "training/runs"


def shown(demo, **changed):
    return views_of(demo, defaults(demo) | changed)


def of_kind(kind, demo, **changed):
    return [view for view in shown(demo, **changed) if view["view"] == kind]


def metrics(demo, **changed):
    return {item["label"]: item["value"] for item in of_kind("metrics", demo, **changed)[0]["items"]}


# ---- the memory manager


WORDS = st.lists(st.integers(0, 1), min_size=1, max_size=9)  # few different words, so that beginnings meet
WHICH = st.integers(0, 1000)
MET = Counter()  # how often a pool was full, and how many words were found, in all runs together


class Machine(RuleBasedStateMachine):
    """Texts over one pool. Beside it a memory that holds, in each slot that was written, the whole text up to its
    token: what a key and a value depend on."""

    @initialize(n=st.integers(6, 20), b=st.integers(1, 4))
    def begin(self, n, b):
        self.pool = method.Pool(n, b)
        self.memory, self.texts = {}, []

    def write(self, block, slot, tokens):
        self.memory[block, slot] = tuple(tokens)

    @rule(tokens=WORDS)
    def admit(self, tokens):
        before = (list(self.pool.users), set(self.pool.queue))
        try:
            table, hit = method.admit(self.pool, method.block_hashes(tokens, self.pool.b), len(tokens))
        except method.OutOfBlocksError:
            MET["full"] += 1
            assert before == (self.pool.users, set(self.pool.queue))  # nothing was taken
            return
        assert hit < len(tokens)
        assert hit % self.pool.b == 0
        MET["found"] += hit
        self.texts.append((list(tokens), table))
        for t in range(hit, len(tokens)):
            self.write(table[t // self.pool.b], t % self.pool.b, tokens[: t + 1])

    @precondition(lambda self: self.texts)
    @rule(which=WHICH, token=st.integers(0, 1))
    def append(self, which, token):
        tokens, table = self.texts[which % len(self.texts)]
        b, before = self.pool.b, list(table)
        try:
            block, slot, source = method.append_token(self.pool, table, len(tokens))
        except method.OutOfBlocksError:
            MET["full"] += 1
            assert table == before
            return
        tokens.append(token)
        if source is not None:
            MET["copied"] += 1
            for s in range(slot):
                self.write(block, s, self.memory[source, s])
        self.write(block, slot, tokens)
        if len(tokens) % b == 0:
            method.remember(self.pool, table, method.block_hashes(tokens, b))

    @precondition(lambda self: self.texts)
    @rule(which=WHICH)
    def fork(self, which):
        tokens, table = self.texts[which % len(self.texts)]
        self.texts.append((list(tokens), method.fork(self.pool, table)))

    @precondition(lambda self: self.texts)
    @rule(which=WHICH, token=st.integers(0, 1))
    def fork_and_go_on(self, which, token):
        """What copies a block; left to chance, forks were seldom written to."""
        self.fork(which)
        self.append(len(self.texts) - 1, token)

    @precondition(lambda self: self.texts)
    @rule(which=WHICH)
    def release(self, which):
        _, table = self.texts.pop(which % len(self.texts))
        method.release(self.pool, table)
        assert table == []

    @invariant()
    def each_block_is_free_or_used_by_as_many_as_it_counts(self):
        named = [block for _, table in self.texts for block in table]
        assert [named.count(block) for block in range(self.pool.n)] == self.pool.users
        assert len(self.pool.queue) == len(set(self.pool.queue))
        assert set(self.pool.queue) == {block for block in range(self.pool.n) if self.pool.users[block] == 0}

    @invariant()
    def no_text_is_written_over(self):
        b = self.pool.b
        for tokens, table in self.texts:
            assert len(table) == math.ceil(len(tokens) / b)
            for t in range(len(tokens)):
                assert self.memory[table[t // b], t % b] == tuple(tokens[: t + 1])

    @invariant()
    def what_is_found_is_what_its_name_says(self):
        pool = self.pool
        assert {h: block for block, h in pool.hashes.items()} == pool.found
        for block, h in pool.hashes.items():
            assert method.block_hashes(self.memory[block, pool.b - 1], pool.b)[-1] == h

    def teardown(self):
        for _, table in getattr(self, "texts", []):
            method.release(self.pool, table)
        if hasattr(self, "pool"):
            assert sorted(self.pool.queue) == list(range(self.pool.n))


def test_no_block_is_lost_or_freed_twice_and_no_text_is_written_over():
    MET.clear()
    runs = settings(
        max_examples=40,
        stateful_step_count=60,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),  # a busy machine is slow, and no fault
    )
    run_state_machine_as_test(Machine, settings=runs)
    assert min(MET["full"], MET["found"], MET["copied"]) > 10, MET  # what is claimed has been met


def test_giving_a_block_back_twice_is_refused():
    pool = method.Pool(3, 2)
    block = method.allocate(pool)
    method.release(pool, [block])
    with pytest.raises(ValueError, match="free already"):
        method.release(pool, [block])


def test_a_text_takes_whole_pages_and_no_more():
    for T, b in product(range(40), range(1, 9)):
        assert method.blocks_for(T, b) == len({t // b for t in range(T)})
        pool, table = method.Pool(40, b), []
        places = [method.append_token(pool, table, t)[:2] for t in range(T)]
        assert len(table) == method.blocks_for(T, b)
        assert places == [(table[t // b], t % b) for t in range(T)]
        assert len(set(places)) == T


def test_a_shared_page_is_copied_before_it_is_written_and_only_then():
    pool, table = method.Pool(8, 4), []
    for t in range(6):
        method.append_token(pool, table, t)
    other = method.fork(pool, table)
    block, slot, source = method.append_token(pool, other, 6)
    assert (slot, source) == (2, table[1])
    assert block not in table
    assert method.append_token(pool, table, 6)[2] is None  # alone again
    assert other[0] == table[0]


# ---- names of pages


def test_a_hash_depends_on_its_page_and_on_all_before_it_and_on_nothing_after():
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 1000, 23).tolist()
    for b in (1, 2, 4, 5):
        right = method.block_hashes(tokens, b)
        assert len(right) == 23 // b  # full pages only
        for t in range(23):
            changed = [*tokens[:t], -1, *tokens[t + 1 :]]
            differ = [x != y for x, y in zip(right, method.block_hashes(changed, b), strict=True)]
            assert differ == [i >= t // b for i in range(23 // b)]


def test_neither_large_numbers_nor_joined_words_nor_another_tenant_collide():
    assert method.block_hashes([65], 1) != method.block_hashes([321], 1)
    assert method.block_hashes(["a", "b, c"], 2) != method.block_hashes(["a, b", "c"], 2)
    assert method.block_hashes([1, 2], 1, salt="x")[1] != method.block_hashes([1, 2], 1, salt="y")[1]
    assert method.block_hashes([1, 2], 1) == method.block_hashes(np.array([1, 2]), 1)


def test_without_the_hash_before_a_page_is_taken_for_another():
    a, z = ([first, 7, 8, 9] for first in (1, 2))
    assert method.block_hashes(a, 2)[1] != method.block_hashes(z, 2)[1]
    assert method.block_hashes(a, 2, chain=False)[1] == method.block_hashes(z, 2, chain=False)[1]


def test_a_full_hit_leaves_a_token_to_compute():
    """vLLM: at most the prompt's length less one, then whole blocks."""
    for T, b in product(range(1, 40), (1, 4, 16)):
        pool, tokens = method.Pool(90, b), list(range(T))
        for repeat in range(2):
            table, hit = method.admit(pool, method.block_hashes(tokens, b), T)
            method.release(pool, table)
            assert hit == (max(k * b for k in range(T) if k * b <= T - 1) if repeat else 0)


def test_a_page_that_matches_in_part_is_no_hit():
    """The example of vLLM's guide: 14 tokens of which 10 are known, pages of 4: two pages."""
    pool, first = method.Pool(10, 4), list(range(15))
    method.admit(pool, method.block_hashes(first, 4), 15)
    second = [*first[:10], 90, 91, 92, 93]
    _, hit = method.admit(pool, method.block_hashes(second, 4), 14)
    assert hit == 8


def test_nothing_is_found_behind_a_page_that_was_given_away():
    pool, tokens = method.Pool(10, 2), list(range(9))
    hashes = method.block_hashes(tokens, 2)
    table, _ = method.admit(pool, hashes, 9)
    pages = list(table)
    method.release(pool, table)
    method.evict(pool, pages[1])
    assert hashes[2] in pool.found
    assert method.longest_hit(pool, hashes, 9) == pages[:1]


def test_the_end_of_the_text_that_left_first_is_forgotten_first():
    pool = method.Pool(6, 1)
    for text in ([1, 2], [3, 4], [5, 6]):
        table, _ = method.admit(pool, method.block_hashes(text, 1), 2)
        method.release(pool, table)
    lost = []
    for _ in range(6):
        before = set(pool.found)
        method.allocate(pool)
        lost += before - set(pool.found)
    names = {h: token for text in ([1, 2], [3, 4], [5, 6]) for h, token in
             zip(method.block_hashes(text, 1), text, strict=True)}  # fmt: skip
    assert [names[h] for h in lost] == [2, 1, 4, 3, 6, 5]


def test_pages_without_a_name_are_taken_before_those_that_can_be_found():
    pool = method.Pool(3, 2)
    table, _ = method.admit(pool, method.block_hashes([1, 2, 3], 2), 3)
    partial = table[1]
    method.release(pool, table)
    assert method.allocate(pool) == partial
    assert len(pool.found) == 1


# ---- attention


def slow_attention(q, k, v):
    """One query (H, D) and all keys and values (T, H_kv, D) of a text, by loops."""
    (H, D), T = q.shape, len(k)
    share, y = H // k.shape[1], np.zeros(q.shape)
    for h in range(H):
        scores = [sum(q[h, i] * k[t, h // share, i] for i in range(D)) / math.sqrt(D) for t in range(T)]
        weights = [math.exp(s - max(scores)) for s in scores]
        for t in range(T):
            y[h] += weights[t] / sum(weights) * v[t, h // share]
    return y


@pytest.mark.parametrize("H, H_kv", [(1, 1), (4, 4), (4, 2), (6, 1)])
@pytest.mark.parametrize("b", [1, 3, 4, 16])
def test_attention_over_scattered_pages_equals_attention_over_one_piece(H, H_kv, b):
    rng, D = np.random.default_rng(H + b), 5
    for T in (1, b, b + 1, 11):
        k, v, q = rng.normal(size=(T, H_kv, D)), rng.normal(size=(T, H_kv, D)), 40 * rng.normal(size=(H, D))
        n = method.blocks_for(T, b) + 3
        table = rng.permutation(n)[: method.blocks_for(T, b)].tolist()
        K, V = np.full((2, n, b, H_kv, D), np.nan)  # what others left would spoil the sum
        for t in range(T):
            K[table[t // b], t % b], V[table[t // b], t % b] = k[t], v[t]
        np.testing.assert_array_equal(method.gather(K, table, T), k)
        np.testing.assert_allclose(method.paged_attention(q, K, V, table, T), slow_attention(q, k, v), atol=1e-13)


def test_the_house_model_on_pages_says_the_same_to_the_last_bit():
    model = lm.load("target")
    words = encode(held_out(1, "story")[0].words)[:30]
    for b, cuts in ((1, (7, 8)), (4, (12, 20)), (16, (30,))):
        table, pages = house_model.strewn(model, len(words), b, seed=b)
        whole, done = lm.new_cache(model), 0
        for cut in (*cuts, 30):
            if cut == done:
                continue
            exact = lm.forward(model, words[done:cut], whole)
            mine = lm.forward(model, words[done:cut], house_model.PagedCache(pages, table, done))
            np.testing.assert_array_equal(mine, exact)
            done = cut


def test_gathered_pages_show_no_difference_walked_ones_rounding_and_faults_more():
    """The default text, and of its faults at least a logit."""
    difference = {}
    for way, fault in product(house_model.WAYS, house_model.FAULTS):
        (badge,) = of_kind("badge", house_model.scattered_pages, way=way, fault=fault)
        difference[way, fault] = badge["value"]
        assert (badge["value"] <= badge["limit"]) == (fault == "none")
    assert difference["gather", "none"] == 0 < difference["walk", "none"] < 1e-4
    assert min(d for (_, fault), d in difference.items() if fault != "none") > 1


def test_the_strip_of_the_memory_shows_each_word_where_its_table_says():
    for b, seed in ((1, 0), (4, 5), (16, 1)):
        strip, table, *_ = shown(house_model.scattered_pages, b=b, seed=seed)
        words = " ".join(row[2] for row in table["rows"]).split()
        for t, word in enumerate(words):
            place = table["rows"][t // b][1] * b + t % b
            assert (strip["tokens"][place], strip["values"][place]) == (word, 1.0)
        assert sum(value == 1.0 for value in strip["values"]) == len(words)


# ---- the scheduler


def run_to_the_end(seed, b, n, budget, chunks=True):
    """Drawn requests through a pool; every step is checked. Returns what each text had computed, and the requests."""
    rng = Random(seed)
    requests = []
    for name in range(12):
        length = rng.randint(2, min(40, n * b))
        requests.append(scheduler.Request(name, rng.randint(1, length - 1), length))
    waiting, running, pool, computed = list(requests), [], method.Pool(n, b), dict.fromkeys(range(12), 0)
    for _ in range(2000):
        before = [request.name for request in running]
        plan = scheduler.schedule_step(running, waiting, pool, budget, chunks)
        counts = [count for _, count in plan]
        assert all(count > 0 for count in counts)
        assert sum(counts) <= budget or not chunks
        assert len({request.name for request, _ in plan}) == len(plan)
        stayed = [name for name in before if name in [request.name for request in running]]
        assert stayed == before[: len(stayed)]  # who came last gave way
        assert [request.name for request, _ in plan][: len(stayed)] == stayed[: len(plan)]  # they go first
        for request, count in plan:
            computed[request.name] += count
            assert len(request.table) >= math.ceil((request.computed + count) / b)
        scheduler.compute(plan, running, pool)
        held = [block for request in running for block in request.table]
        assert len(held) == len(set(held)) == n - len(pool.queue)
        if not running and not waiting:
            return computed, requests
    raise AssertionError("somebody starved")


@pytest.mark.parametrize("seed", range(15))
def test_everybody_is_served_within_the_budget_and_recomputes_only_what_was_taken(seed):
    for b, n, budget in ((1, 40, 16), (4, 12, 8), (16, 3, 64)):
        computed, requests = run_to_the_end(seed, b, n, budget)
        for request in requests:
            assert computed[request.name] == request.length - 1 + request.recomputed  # the last word needs no key
            assert (request.recomputed > 0) == (request.preempted > 0)


def test_tight_memory_takes_pages_away_and_a_prompt_at_one_go_exceeds_the_budget():
    assert sum(r.preempted for seed in range(5) for r in run_to_the_end(seed, 4, 12, 8)[1]) > 5
    request, running = scheduler.Request(0, 30, 40), []
    plan = scheduler.schedule_step(running, [request], method.Pool(20, 4), 8, chunks=False)
    assert plan == [(request, 30)]


# ---- what the page says of its demos


def test_lengths_are_those_of_texts_that_no_model_was_trained_on():
    assert tuple(len(text.words) for text in held_out(100)) == demos.LENGTHS
    assert round(np.mean(demos.LENGTHS)) == 37


@pytest.mark.parametrize("seed", range(3))
def test_pages_of_16_write_three_times_as_many_texts_and_reservation_wastes_three_quarters(seed):
    reserved, sixteen, one = (demos.serve(b, seed)[1] for b in (128, 16, 1))
    assert reserved["at once"] == 8
    assert 19 <= reserved["held"] <= 25
    assert 75 <= sixteen["held"] <= 80
    assert 2.9 <= sixteen["at once"] / 8 <= 3.5
    assert 2.7 <= sixteen["done"] / reserved["done"] <= 3.2
    assert 1.1 < one["at once"] / sixteen["at once"] < 1.3  # "about a fifth more"
    assert one["held"] > 93
    assert sixteen["preempted"] > 50 > reserved["preempted"] == 0
    assert sixteen["again"] > 900


def test_the_map_opens_with_more_than_three_times_as_many_texts():
    rows = {row[0]: row[1:] for row in of_kind("table", demos.memory_map)[0]["rows"]}
    before, now = rows["texts at once (mean)"]
    assert now > 3 * before


def test_the_map_shows_what_the_tables_hold():
    for b, seed in product((1, 16, 128), (0, 1)):
        memory, _ = demos.serve(b, seed, 100)
        texts = {int(x) for x in memory if x >= 0}
        assert len(memory) == demos.SLOTS
        for text in texts:  # a text's words fill its pages but the last
            pages = [page for page in memory.reshape(-1, b) if text in page]
            assert sum((page != text).any() for page in pages) <= 1
        if b == 128:
            assert (memory == -2).sum() == 0  # every row is somebody's


def test_waste_is_half_a_page_on_average():
    for b in (1, 2, 4, 8, 16, 32):
        over = [method.blocks_for(T, b) * b - T for T in range(1, 32 * 9 + 1)]
        assert np.mean(over) / 100 == pytest.approx(demos.waste(b, 100))


def test_samples_take_the_pages_that_their_tables_count():
    for T, n, b in product(range(2, 19), range(1, 6), (1, 2, 4, 8)):
        counts = metrics(demos.samples_share, T=T, n=n, b=b)
        full = T // b
        assert counts["Pages, nothing shared"] == n * math.ceil((T + 1) / b)
        assert counts["Pages, 2023"] == full + n
        found = (T - 1) // b  # one word is left to compute
        assert counts["Pages, today"] == found + n * (math.ceil((T + 1) / b) - found)


def test_two_of_three_samples_copy_and_none_where_the_prompt_fills_its_pages():
    def copied(**changed):
        steps = of_kind("steps", demos.samples_share, **changed)[0]["frames"]
        return sum("is copied first" in frame["caption"] for frame in steps)

    assert copied() == 2
    assert copied(T=12) == 0


def hits(**changed):
    return [int(view["caption"].split()[0]) for view in of_kind("tokens", demos.prefix_cache, **changed)]


def test_a_time_of_day_in_front_spoils_all_that_follows_and_behind_nothing():
    assert hits() == [0, 0, 0, 12]
    again = demos.PROMPTS + "\n" + demos.PROMPTS.splitlines()[0]
    assert [hits(text=again, room=room)[4] for room in (96, 48, 40)] == [16, 8, 0]
    first, second, third, fourth = (line.split() for line in demos.PROMPTS.splitlines())
    assert sum(a != b for a, b in zip(first[:14], second[:14], strict=True)) == 1
    assert first[3] != second[3]
    assert third[:12] == fourth[:12]
    assert third[12] != fourth[12]


def test_the_order_of_prompts_is_a_choice():
    text = "a b c d e f\nx y z u v w\na b c d e g\nx y z u v t"
    assert hits(text=text, b=2, room=6) == [0, 0, 0, 0]
    assert hits(text=text, b=2, room=6, order="the longest hit first") == [0, 4, 0, 4]
    assert hits(text=text, b=2, room=32, order="from the last to the first") == [0, 0, 4, 4]
    with pytest.raises(UnreadableError, match="takes 5 pages"):
        demos.prefix_cache(room=8, text="a b c d e f g h i", b=2, order="as written")


@pytest.mark.parametrize("seed", range(3))
def test_in_turn_half_of_the_words_are_found_of_what_chat_after_chat_finds(seed):
    found = metrics(demos.order_matters, seed=seed)
    assert 38 < found["Found, in turn"] < 44
    assert 76 < found["Found, chat after chat"] < 80
    roomy = metrics(demos.order_matters, seed=seed, room=3200)
    assert roomy["Found, in turn"] == roomy["Found, chat after chat"]
    assert metrics(demos.order_matters, seed=seed, room=3200, b=64)["Found, in turn"] < 70
    assert 230 < np.mean([chat[-1][1] for chat in demos.hashed_chats(seed, 16)]) < 265  # "about 250"


def test_the_found_share_is_that_of_a_list_of_beginnings():
    """With room for all: a word is found if its page's whole beginning came before."""
    texts, b = demos.chats(1), 16
    seen, found, total = set(), 0, 0
    for turn, chat in product(range(demos.TURNS), texts):
        words = chat[turn]
        for k in range(1, len(words) // b + 1):
            if tuple(words[: k * b]) in seen and k * b < len(words):
                found += b
        seen |= {tuple(words[: k * b]) for k in range(1, len(words) // b + 1)}
        total += len(words)
    assert metrics(demos.order_matters, seed=1, room=3200)["Found, in turn"] == round(100 * found / total, 1)


# ---- wrong hashes


def groups(seeds, each):
    """Prompts as the demo's, with drawn names and things: (four prompts, what each asks for)."""
    told = "[polite] story : {} has {} . {} has {} . please say things ? {}"
    for seed in seeds:
        rng = np.random.default_rng(seed)
        for _ in range(each):
            A, B, C = rng.choice(NAMES, 3, replace=False)
            X, Y, Z, W = rng.choice(THINGS, 4, replace=False)
            lines = ((A, X, B, Y, B), (A, X, B, Z, B), (C, W, B, Y, C), (C, X, B, Y, C))
            yield [told.format(*line).split() for line in lines], (Y, Z, W, X)


def said(model, prompts, how):
    return [decode([int(logits.argmax())])[0] for _, logits in house_model.answers(model, prompts, 5, how)]


def test_the_default_prompts_are_of_that_form():
    stories = [line.split() for line in house_model.STORIES.splitlines()]
    assert [len(words) for words in stories] == [16] * 4
    model = lm.load("target")
    assert said(model, stories, "right") == ["keys", "maps", "bells", "lamps"]
    assert said(model, stories, house_model.HASHES[1])[1] == "keys"
    assert said(model, stories, house_model.HASHES[2])[3] != "lamps"


def test_found_pages_change_no_answer_if_the_hash_is_right():
    model = lm.load("target")
    for prompts, right in groups((0,), 6):
        for words, (hit, logits) in zip(prompts, house_model.answers(model, prompts, 5), strict=True):
            np.testing.assert_allclose(logits, lm.forward(model, encode(words))[-1], atol=1e-4)
            assert hit in (0, 5)
        assert said(model, prompts, "right") == list(right)


def test_a_hash_without_the_last_word_answers_from_the_other_prompt_every_time():
    model = lm.load("target")
    for prompts, (others, _, _, _) in groups((0, 1, 2), 20):
        assert said(model, prompts[:2], house_model.HASHES[1])[1] == others


@pytest.mark.parametrize("name, right", [("target", 11), ("heads8-1", 31), ("heads8-3", 25)])
def test_a_hash_without_what_stands_before_loses_most_answers(name, right):
    model = lm.load(name) if name == "target" else lm.read(RUNS / f"{name}.safetensors")
    kept = sum(
        said(model, prompts, house_model.HASHES[2])[3] == wanted for prompts, (*_, wanted) in groups((0, 1, 2), 20)
    )
    assert kept == pytest.approx(right, abs=1)


# ---- a server


def slow_seconds(plan):
    """A step of Llama-3.1-8B on an H100, token by token."""
    m, flops = MODELS["Llama-3.1-8B"], 0
    N = m.parameters - m.vocabulary * m.d
    for before, new in plan:
        flops += sum(4 * 32 * 32 * 128 * (before + i) for i in range(1, new + 1))
    read = sum(131_072 * (before + new) for before, new in plan)
    tokens = sum(new for _, new in plan)
    return max(2 * N * tokens / 989e12, 2 * N / 3350e9) + max(flops / 989e12, read / 3350e9)


def test_a_step_is_timed_as_matrices_and_then_attention():
    for plan in ([(2047, 1)] * 32, [(0, 700)], [(100, 300), (2000, 1)]):
        assert serving.step_seconds(plan) == pytest.approx(slow_seconds(plan))
    assert GPUS["H100"].flops == 989e12


def test_in_chunks_others_wait_a_seventh_as_long_and_the_prompt_hardly_longer():
    (chunked, first), (whole, at_once) = (serving.arrival(16_384, 2048, 32, chunks) for chunks in (True, False))
    assert at_once == serving.CALM + 1
    assert first == 13  # steps 5 to 13: the page sums these
    assert round(1000 * max(whole)) == 320
    assert 6 < max(whole) / max(chunked) < 8
    later = sum(chunked[4:first]) / sum(whole[4:5])
    assert 1 < later < 1.05  # "hardly later"
    many, last = serving.arrival(16_384, 512, 32)
    assert last - serving.CALM == 35
    assert 1.1 < sum(many[4:last]) / sum(whole[4:5]) < 1.25


def test_the_words_written_meanwhile_are_those_of_the_steps():
    rows = {row[0]: row[1:] for row in of_kind("table", serving.one_budget)[0]["rows"]}
    assert rows["in chunks"][2] == 32 * 9
    assert rows["at one go"][2] == 32


def test_a_window_holds_the_pages_that_a_later_token_sees():
    for T, W, b in product(range(1, 60), (1, 5, 16), (1, 4, 16)):
        kept = [page for page in range(math.ceil(T / b)) if page * b + b - 1 > T - W]  # token T sees T - W + 1 and on
        assert serving.window_pages(T, W, b) == len(kept)


def test_pages_grow_to_hold_a_state_as_vllm_logs_it():
    """528 for Qwen3.5-4B and 784 for Qwen3.6-27B by the same rule, from their shapes: 4 heads of 256 for keys."""
    assert [serving.page_tokens(name) for name in serving.LAYERED] == [16, 16, 16, 544, 1056]
    for matrices, convolved, tokens in ((32, 2 * 16 + 32, 528), (48, 2 * 16 + 48, 784)):
        state = 4 * matrices * 128 * 128 + 2 * 3 * convolved * 128
        assert 16 * math.ceil(state / (16 * 2 * 2 * 4 * 256)) == tokens
    for name, padding in (("Qwen3-Next-80B-A3B", 1.49), ("Qwen3.5-35B-A3B", 0.76)):  # in % as logged
        page = serving.page_tokens(name) * serving.row_bytes(name)
        assert 100 * (page / serving.state_bytes(name) - 1) == pytest.approx(padding, abs=0.005)


def test_half_of_the_layers_of_gpt_oss_hold_eight_pages_each():
    assert serving.pages_by_kind("gpt-oss-120b", 8192) == {"a window of 128": (18, 8), "all tokens": (18, 512)}
    assert metrics(serving.kinds_of_layers, name="gpt-oss-120b")["Of all full"] == pytest.approx(50, abs=1)


def test_a_page_of_llama_is_2_mib_and_its_longest_table_8192_numbers():
    assert 16 * 2 * 32 * 8 * 128 * 2 == 2 * 2**20
    assert method.blocks_for(131_072, 16) == 8192


def test_bars_of_layers_add_up_for_every_model():
    for name, T in product(serving.LAYERED, (256, 8192, 131_072)):
        (figure,) = of_kind("figure", serving.kinds_of_layers, name=name, T=T)
        total = sum(bar["y"][0] for bar in figure["data"])
        assert total == pytest.approx(metrics(serving.kinds_of_layers, name=name, T=T)["Held in all"], abs=6e-4)


def test_seeds_move_the_map_and_the_pages():
    for demo in (demos.memory_map, house_model.scattered_pages):
        alts = [str(shown(demo, seed=seed)[0]) for seed in range(3)]
        assert all(a != b for a, b in pairwise(alts))
