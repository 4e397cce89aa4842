"""The page's first demo: a question, a collection, and what each word of the question gave to each passage found."""

import numpy as np

from topics.kit import Badge, Choice, Matrix, Metrics, Note, Table, Text, demo
from topics.kit.page.words import counted
from topics.rag.everyday import PASSAGES
from topics.rag.method import rank_of
from topics.rag.search import FUSED, RANKERS, fused, parts_of, ranked
from topics.rag.site import FILES, collection, likeness, site, site_collection, site_texts
from topics.rag.words import stem, words_of

HERE, YOURS = "this site's", "your own"
PLAIN, FAULTY = "IDF without its 1", "fuse what was not returned"
BEST, MOST_WORDS = 5, 14
ASKED = "which doctor looks after a child's teeth?"


@demo(
    "model",
    *FILES,
    question=Text("Question", ASKED, limit=160, examples=("which old trick of operating systems helps with gaps?",)),
    ranker=Choice("Ranked by", RANKERS, value="word by word"),
    where=Choice("Passages", (YOURS, HERE), value=YOURS),
    own=Text("Your own, a line each", "\n".join(PASSAGES), limit=3000, lines=6, examples=("One passage alone.",)),
    broken=Choice("Break it", ("nothing", PLAIN, FAULTY), value="nothing"),
)
def look_up(question, ranker, where, own, broken):
    """The five best passages for a question, and what each of its words gave to them."""
    plain, faulty = broken == PLAIN, broken == FAULTY
    asked = words_of(question)
    texts = site_texts() if where == HERE else tuple(line for line in own.split("\n") if words_of(line))
    if not asked or not texts:
        return nothing("A question of at least one word, please." if texts else "A passage of a word or more, please.")
    asked, c = asked[:MOST_WORDS], site_collection() if where == HERE else collection(texts)
    parts = fused(asked, c, plain=plain, faulty=faulty) if ranker == FUSED else parts_of(ranker, asked, c, plain)
    best = np.argsort(-parts.sum(0), kind="stable")[:BEST]
    return (
        Matrix(
            parts[:, best].T,
            [f"{place}. {begun(c.texts[i])}" for place, i in enumerate(best, 1)],
            columns(ranker, asked),
            f"What each gave, {ranker}",
            "key",
            why=reasons(ranker, asked, c, best, parts),
        ),
        places(asked, c, best, plain),
        Metrics(
            ("Passages", len(c.texts), ""),
            ("That share a word", int((parts_of("BM25", asked, c) > 0).any(0).sum()), ""),
            ("Highest score", parts.sum(0).max(), ""),
        ),
        Badge("BM25 against a sum word by word: max|Δ|", slow_difference(asked, c, best), 1e-12),
        Note(said(question, ranker, c, best, where)),
    )


def nothing(message):
    """The same kinds of views, where there is nothing to search."""
    return (
        Matrix(np.zeros((1, 1)), ["no passage"], ["no word"], "What each gave", "key", why=[["nothing was asked"]]),
        Table(("Passage", "BM25", "word by word"), []),
        Metrics(("Passages", 0, ""), ("That share a word", 0, ""), ("Highest score", 0.0, "")),
        Badge("BM25 against a sum word by word: max|Δ|", 0.0, 1e-12),
        Note(message, "warning"),
    )


def begun(text, letters=24):
    return text if len(text) <= letters else text[:letters].rsplit(" ", 1)[0] + " …"


def columns(ranker, asked):
    return [*RANKERS[:2]] if ranker == FUSED else ["all words"] if ranker == "one vector" else asked


def reasons(ranker, asked, c, best, parts):
    """In words, how each cell came about."""
    if ranker == "word by word":
        S = likeness(asked, c)
        ends = np.append(c.starts, len(c.flat))
        found = [
            [max(c.flat[ends[i] : ends[i + 1]], key=lambda v, j=j: S[j, v]) for j in range(len(asked))] for i in best
        ]
        return [[f"{word} is nearest to {c.words[v]}, {S[j, v]:.2f}; this times its weight is {parts[j, i]:.2f}"
                 for j, (word, v) in enumerate(zip(asked, row, strict=True))]
                for i, row in zip(best, found, strict=True)]  # fmt: skip
    if ranker == "BM25":
        return [[told(c, word, i, parts[j, i]) for j, word in enumerate(asked)] for i in best]
    return [
        [f"{name}: {value:.4f}" for name, value in zip(columns(ranker, asked), parts[:, i], strict=True)] for i in best
    ]


def told(c, word, i, part):
    places, counts = c.index.postings.get(stem(word), ([], []))
    if i not in places:
        return f"{word} is not in it"
    f, N = counts[list(places).index(i)], len(c.texts)
    return f"{word} is in {counted(len(places), 'passage')} of {N:,}, here {counted(int(f), 'time')}: {part:.2f}"


def places(asked, c, best, plain):
    """The passages shown, and where both rankers have them."""
    scores = [ranked(ranker, asked, c, plain) for ranker in RANKERS[:2]]
    rows = []
    for i in best:
        where = [f"{rank_of(each, i):g}" if each[i] != 0 else "not found" for each in scores]
        rows.append([c.texts[i], *where])
    return Table(("Passage", "place by BM25", "word by word"), rows)


def slow_difference(asked, c, best):
    """BM25 of the passages shown, summed in plain Python from their words."""
    lists = {int(i): [stem(word) for word in words_of(c.texts[i])] for i in best}
    N, mean = len(c.texts), sum(c.index.lengths.tolist()) / len(c.texts)
    fast, off = parts_of("BM25", asked, c).sum(0), 0.0
    for i, terms in lists.items():
        slow = 0.0
        for term in (stem(word) for word in asked):
            f, n = terms.count(term), len(c.index.postings.get(term, [[]])[0])
            slow += float(np.log(1 + (N - n + 0.5) / (n + 0.5))) * f / (f + 1.2 * (0.25 + 0.75 * len(terms) / mean))
        off = max(off, abs(slow - float(fast[i])))
    return off


def said(question, ranker, c, best, where):
    if where == HERE:
        made, titles, _ = site()
        return (
            f"The passages are the paragraphs of {counted(len(titles), 'topic')} of this site, as they were on {made}."
        )
    return f"{ranker} puts first: “{begun(c.texts[best[0]], 60)}”"
