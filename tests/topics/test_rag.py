"""The claims of the page on retrieval."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from topics.kit import lm, max_abs_difference
from topics.kit.model.data import data_path
from topics.kit.model.language import ANIMALS, FOODS, WORDS
from topics.kit.numerics import softmax
from topics.kit.page.demo import defaults, views_of
from topics.rag import demos, house, house_model, looking, method, nearest, search
from topics.rag import site as site_data
from topics.rag.everyday import PAIRS, PASSAGES
from topics.rag.recorded import CHUNKS, EVERYDAY, NEAR, PROBES, READS, SITE, WIDTHS
from topics.rag.words import stem, words_of

pytestmark = pytest.mark.topic("rag")
ROOT = Path(__file__).parents[2]
REFERENCE = np.load(ROOT / "tests/reference/rag.npz")
MODELS = ("target", "heads8-1", "heads8-3")


def view(demo, kind, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind]
    return found if len(found) > 1 else found[0]


def counted_index():
    passages = [text.split() for text in REFERENCE["passages"].tolist()]
    return passages, method.index_of(passages)


def questions():
    texts = site_data.site_texts(titled=False)
    written = json.loads((ROOT / "training/recorded/rag_questions.json").read_text())
    return [(q, [text.startswith(begin) for text in texts].index(True)) for q, begin in written]


# ---- shared words


def test_bm25_is_lucenes_form_without_the_factor_as_bm25s_has_it():
    _, index = counted_index()
    for question, scores in zip(REFERENCE["questions"].tolist(), REFERENCE["lucene"], strict=True):
        assert max_abs_difference(method.bm25(index, question.split()).sum(0), scores) < 1e-6


def test_bm25_is_a_sum_counted_word_by_word():
    passages, index = counted_index()
    mean = sum(map(len, passages)) / len(passages)
    for question in (["key", "rank", "key"], ["nowhere", "head"]):
        for k1, b in ((1.2, 0.75), (0.5, 0.0), (3.0, 1.0)):
            slow = []
            for words in passages:
                total = 0.0
                for term in question:
                    n, f = sum(term in p for p in passages), words.count(term)
                    weight = math.log(1 + (len(passages) - n + 0.5) / (n + 0.5))
                    total += weight * f / (f + k1 * (1 - b + b * len(words) / mean)) if f else 0
                slow.append(total)
            assert max_abs_difference(method.bm25(index, question, k1, b).sum(0), slow) < 1e-12


def test_more_of_a_word_never_costs_and_never_gives_more_than_its_weight():
    for f in range(1, 30):
        index = method.index_of([["x"] * f + ["y"] * (30 - f), ["y"] * 30])
        part = method.bm25(index, ["x"])[0, 0]
        more = method.bm25(method.index_of([["x"] * (f + 1) + ["y"] * (29 - f), ["y"] * 30]), ["x"])[0, 0]
        assert 0 < part < more < method.idf(1, 2)


def test_no_word_weighs_less_than_nothing_and_without_the_one_half_of_all_is_the_border():
    n = np.arange(1, 101)
    assert (method.idf(n, 100) > 0).all() and (np.diff(method.idf(n, 100)) < 0).all()
    index = method.index_of([["a", "b"], ["a"], ["a"], ["b"]])
    factors = search.without_one(index, ["a", "b"])[:, 0]
    assert factors[0] < 0 and factors[1] == 0


def test_rank_bm25_gives_a_word_in_half_of_the_passages_nothing():
    passages, _ = counted_index()
    assert (REFERENCE["okapi"] >= 0).all() and len(passages) == 7


def test_stems_are_those_of_porters_first_step_as_nltk_has_it():
    assert [stem(word) for word in REFERENCE["listed"].tolist()] == REFERENCE["stems"].tolist()


# ---- LSA


def test_lsa_is_the_cosine_in_the_first_directions_as_scikit_learn_has_it():
    X, q = REFERENCE["X"], REFERENCE["q"]
    U, S = method.lsa_embed(X, 3)
    assert max_abs_difference(S, np.sort(REFERENCE["lengths"])[::-1]) < 1e-9
    ours = U @ (U.T @ (X @ q)) / np.linalg.norm(U * S, axis=1)
    length = np.linalg.norm(U.T @ (X @ q) / S)
    assert max_abs_difference(ours / length, REFERENCE["cosines"]) < 1e-9


def test_lsa_of_all_directions_is_the_product_of_shared_words_over_the_passages_length():
    passages, index = counted_index()
    X, terms = method.tfidf(index)
    U, S = method.lsa_embed(X, len(passages))
    q = np.array([method.idf(len(index.postings[t][0]), len(passages)) * (t in ("key", "rank")) for t in terms])
    parts = method.lsa(index, ["key", "rank"], U, S)
    assert max_abs_difference(parts.sum(0), X @ q / np.linalg.norm(X, axis=1)) < 1e-9


def test_the_sites_directions_are_those_of_its_passages():
    U, S = site_data.site_directions()
    assert U.shape == (len(site_data.site()[2]), 64) and (np.diff(S) <= 0).all()
    assert max_abs_difference(U.T @ U, np.eye(64)) < 5e-3  # FP16


# ---- meaning


def test_each_word_takes_its_best_match_in_each_passage():
    rng = np.random.default_rng(0)
    S, words, starts = rng.normal(size=(3, 6)), np.array([0, 1, 2, 2, 5, 3]), np.array([0, 3, 4])
    slow = np.zeros((3, 3))
    for j in range(3):
        for i, (a, b) in enumerate(((0, 3), (3, 4), (4, 6))):
            slow[j, i] = (j + 1) * max(0, *(S[j, w] for w in words[a:b]))
    assert max_abs_difference(method.maxsim(S, words, starts, np.array([1, 2, 3])), slow) == 0


def test_a_row_of_zeros_has_cosine_zero():
    best, cosines = method.cosine_top_k(np.array([1.0, 0]), np.array([[0, 0], [0, 3], [2, 2.0]]), 3)
    assert best.tolist() == [2, 0, 1] and cosines[1:].tolist() == [0, 0]


def test_a_meaning_counts_that_shares_no_word():
    number, X = site_data.word_vectors()
    likes = {word: float(X[number["doctor"]] @ X[number[word]]) for word in ("physician", "nurse", "bridge", "softmax")}
    assert likes["physician"] > likes["nurse"] > 0.4 > max(likes["bridge"], likes["softmax"])
    assert data_path("words").stat().st_size <= 1_500_000
    assert np.abs(np.linalg.norm(X, axis=1) - 1).max() < 0.03


# ---- fusion and measures


def test_fusion_gives_nothing_for_what_was_not_returned_and_ties_stay_ties():
    scores = method.reciprocal_rank_fusion([[3, 1], [1, 0]], 5)
    assert scores.tolist() == [1 / 62, 1 / 62 + 1 / 61, 0, 1 / 61, 0]
    assert method.returned(np.array([1.0, 2, 2, 0]), 3).tolist() == [1, 2, 0]


def test_ranks_share_the_middle_of_their_places():
    assert [method.rank_of(np.array([5.0, 1, 1, 1, 0]), i) for i in range(5)] == [1, 3, 3, 3, 5]
    ranks = [1, 3, 10, math.inf]
    assert method.recall_at(ranks, 3) == 0.5
    assert method.mean_reciprocal_rank(ranks) == pytest.approx((1 + 1 / 3 + 0.1) / 4)


# ---- what was recorded


def test_the_questions_are_a_hundred_and_more_and_each_has_its_passage():
    asked = questions()
    assert len(asked) == len(SITE["BM25"]) == 125 and len({i for _, i in asked}) == 125
    assert len(PAIRS) == len(EVERYDAY["BM25"]) == 24


@pytest.mark.parametrize("ranker", search.RANKERS)
def test_recorded_ranks_are_what_the_code_gives(ranker):
    c = site_data.site_collection()
    for n in (0, 40, 90, 124):
        question, right = questions()[n]
        got = method.rank_of(search.ranked(ranker, words_of(question), c), right)
        assert got == pytest.approx(SITE[ranker][n], abs=0.6, rel=0.01)


def test_word_by_word_beats_one_vector_and_is_even_with_bm25():
    assert demos.share_found("word by word", 5) > 2.5 * demos.share_found("one vector", 5)
    more, less = demos.apart("word by word", "one vector", 5)
    assert more > 7 * less
    more, less = demos.apart("word by word", "BM25", 5)
    assert abs(more - less) < math.sqrt(more + less)
    assert demos.share_found("MiniLM", 5) > demos.share_found("BM25", 5) + 10


def test_on_everyday_passages_meaning_wins():
    first = {name: demos.share_found(name, 1, "everyday") for name in ("MiniLM", "word by word", "BM25")}
    assert first["MiniLM"] > 95 > 45 > first["word by word"] > 40 > 5 > first["BM25"]


def test_a_list_of_noise_ruins_a_good_one():
    assert demos.share_found("MiniLM + BM25", 1, "everyday") < 20 < 90 < demos.share_found("MiniLM", 1, "everyday")
    assert demos.share_found("MiniLM + BM25", 1) > demos.share_found("MiniLM", 1)


def test_ranking_what_was_not_returned_costs_a_quarter_of_the_first_ten():
    assert demos.share_found("fused, lists of 5, faulty", 10) < 0.75 * demos.share_found("fused, lists of 5", 10)


def test_bm25_needs_its_one():
    assert demos.share_found("BM25, without the 1", 5) < demos.share_found("BM25", 5) - 5


def test_chunks_of_sixteen_words_bring_least_at_400_words_and_larger_ones_do_not_differ():
    for ranker in ("BM25", "word by word"):
        means = [demos.read_share(size, 400, ranker) for size in demos.SIZES]
        assert means[0] == min(means) and means[0] < means[1]
        assert max(means[2:]) - min(means[2:]) < 100 * CHUNKS[64, False, True][ranker][2][1]
        without, titled = (demos.read_share(16, 400, ranker, titled=t) for t in (False, True))
        assert without < titled


# ---- near enough


def test_all_cells_are_a_full_search_and_more_cells_never_find_less():
    words, X, centres, cell, neighbours, start = demos.nearest_data()
    for word in ("doctor", "river", "seven"):
        q = X[words.index(word)]
        full = np.argsort(-(X @ q), kind="stable")[:10].tolist()
        found = []
        for probes in PROBES:
            got, looked = nearest.ivf_search(q, X, centres, cell, probes, 10)
            found.append(len(set(got.tolist()) & set(full)))
            assert looked == len(centres) + np.isin(cell, np.argsort(-(centres @ q), kind="stable")[:probes]).sum()
        assert found == sorted(found) and found[-1] == 10
        got, seen = nearest.graph_search(q, X, neighbours, start, 320, 10)
        assert len(set(got.tolist()) & set(full)) >= 9 and seen < len(X) / 2


def test_cells_hold_what_faiss_finds_in_them():
    V, centres, cell = REFERENCE["V"], REFERENCE["centres"], REFERENCE["cell"]
    for probes, found in zip((1, 3, 12), REFERENCE["found"], strict=True):
        for q, theirs in zip(V[:20], found.tolist(), strict=True):
            assert nearest.ivf_search(q, V, centres, cell, probes, 5)[0].tolist() == [i for i in theirs if i >= 0]


def test_the_walk_needs_fewer_products_than_the_cells_in_each_seed():
    for cells, walk in zip(NEAR["lists"], NEAR["graph"], strict=True):
        assert walk[WIDTHS.index(20)][0] > 0.9 > 0.82 > cells[PROBES.index(4)][0] > 0.74
        assert walk[WIDTHS.index(20)][1] < cells[PROBES.index(4)][1]


# ---- four numbers


@pytest.mark.parametrize("n", [5, 20, 80])
def test_four_numbers_are_enough_for_all_pairs_in_fp64(n):
    assert nearest.pairs_found(n, lambda x: x)[0] == 1
    t, X = np.linspace(-1, 1, n), nearest.moment_curve(n)
    for a, b in ((0, 1), (0, n - 1), (1, 3)):
        exact = -((t - t[a]) ** 2) * (t - t[b]) ** 2
        assert np.ptp(X @ nearest.pair_question(t[a], t[b]) - exact) < 1e-12  # but for a constant


def test_what_shrinks_is_the_lead():
    leads = [nearest.pairs_found(n, demos.HELD["FP64"])[1] for n in (5, 20, 80)]
    assert leads == sorted(leads, reverse=True) and leads[-1] < 1e-6
    shares = [nearest.pairs_found(20, demos.HELD[form])[0] for form in ("FP64", "FP32", "FP16", "INT8")]
    assert shares[:2] == [1, 1] and 0.85 < shares[2] < 0.95 and shares[3] < 0.35


def test_in_the_same_way_six_numbers_do_for_three():
    n, k = 9, 3
    t = np.linspace(-1, 1, n)
    X = np.stack([t**p for p in range(1, 2 * k + 1)], 1)
    for some in ((0, 4, 8), (1, 2, 3)):
        q = -np.poly(np.repeat(t[list(some)], 2))[::-1][1:]
        assert set(np.argsort(-(X @ q))[:k].tolist()) == set(some)


# ---- reading


def test_with_the_fact_all_answers_are_right_and_with_a_false_one_all_are_false_in_three_models():
    for name in MODELS:
        for k in (1, 4, 11):
            right, _, _, sure = READS[name, "has the fact", k]
            false, _, copied, as_sure = READS[name, "has it wrong", k]
            assert (right, false, copied, len(sure)) == (1, 0, 1, 60)
            assert abs(np.median(sure) - np.median(as_sure)) < 1e-3


def test_without_the_fact_a_food_of_the_context_is_named_with_less_certainty_and_still_much():
    for name in MODELS:
        right, food, copied, sure = READS[name, "lacks the fact", 4]
        assert right < 0.2 and food > 0.9 and copied > 0.9
        assert 40 <= sum(p > 0.9 for p in sure) < 60
        assert sum(p > 0.999 for p in sure) < 0.4 * sum(p > 0.999 for p in READS[name, "has the fact", 4][3])
        assert READS[name, "nothing is read", 4][2] == 0


def test_recorded_answers_are_what_the_house_model_says():
    model, seen = lm.load("target"), []
    for animal in ANIMALS:
        passages = house.found(house.facts_in(house.store(0), animal, "has the fact"), animal, 4)
        assert passages[0].startswith(animal) and len(passages) == 4
        p = house.law_after(model, house.prompt_of(passages, animal))
        seen.append(WORDS[int(p.argmax())] == house.store(0)[animal])
    assert all(seen)


def test_read_apart_is_the_mixture_weighted_by_the_softmax_of_the_scores():
    laws, scores = np.array([[0.9, 0.1, 0], [0.2, 0.2, 0.6]]), np.array([1.0, 2.0])
    slow = [sum(w * law[i] for w, law in zip(softmax(scores), laws, strict=True)) for i in range(3)]
    assert max_abs_difference(method.rag_token_marginal(laws, scores), slow) < 1e-15


def test_the_default_of_the_reader_is_a_food_of_another_animal():
    metrics = {item["label"]: item["value"] for item in view(house_model.read_and_answer, "metrics")["items"]}
    assert metrics["Answer"] != metrics["So it was drawn"] and metrics["Answer"] in FOODS
    assert metrics["Probability of it"] > 90


# ---- the first demo


def test_the_first_demo_finds_by_meaning_what_shares_no_word():
    table = view(looking.look_up, "table")["rows"]
    assert table[0] == [PASSAGES[0], "not found", "1"]
    asked = set(words_of(looking.ASKED))
    assert not {stem(w) for w in asked} & {stem(w) for w in words_of(PASSAGES[0])}


@pytest.mark.parametrize("arguments", [{"question": ""}, {"question": "???"}, {"own": ""}, {"own": "?\n!"}])
def test_what_has_no_word_is_answered_in_the_same_kinds_of_views(arguments):
    usual = views_of(looking.look_up, defaults(looking.look_up))
    empty = views_of(looking.look_up, defaults(looking.look_up) | arguments)
    assert [each["view"] for each in empty] == [each["view"] for each in usual]
    assert empty[-1]["kind"] == "warning"


def test_without_its_one_the_idf_punishes_common_words():
    cells = view(looking.look_up, "matrix", ranker="BM25", broken=looking.PLAIN, question="is the car free")["values"]
    assert np.min(cells) < 0
    assert np.min(view(looking.look_up, "matrix", ranker="BM25", question="is the car free")["values"]) >= 0


def test_fusing_what_was_not_returned_lets_the_order_of_storage_decide():
    asked = {"question": "what can I eat without meat?", "ranker": search.FUSED}
    right, wrong = (view(looking.look_up, "table", **asked, broken=how)["rows"] for how in ("nothing", looking.FAULTY))
    assert right[0][0] != PASSAGES[0]
    assert wrong[0][0] == PASSAGES[0]
    assert wrong[0][1] == "not found"
