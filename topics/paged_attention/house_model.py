"""The house model on pages: its cache scattered over a memory, and prompts that share what they should not."""

from collections import OrderedDict

import numpy as np

from topics.kit import (
    Badge,
    Choice,
    LogSlider,
    Metrics,
    Note,
    Seed,
    Slider,
    Table,
    Text,
    Tokens,
    UnreadableError,
    demo,
    lm,
    max_abs_difference,
)
from topics.kit.model.rotary import rope_frequencies
from topics.kit.model.text import decode, encode, read
from topics.kit.page.words import counted
from topics.paged_attention.method import (
    Pool,
    admit,
    allocate,
    block_hashes,
    blocks_for,
    gather,
    paged_attention,
    release,
)

# ---- a cache on pages


class PagedCache:
    """What lm.forward takes for a cache, over pages: it reads a text's rows through its table, and writes new ones
    where the table says.

    pages  for each layer a pair K, V (n, b, H_kv, D)   table  the text's blocks   T  rows that are there already
    """

    def __init__(self, pages, table, T):
        self.pages, self.table, self.T = pages, table, T

    def __getitem__(self, layer):
        return tuple(gather(each, self.table, self.T) for each in self.pages[layer])

    def __setitem__(self, layer, grown):
        for each, rows in zip(self.pages[layer], grown, strict=True):
            t, b = np.arange(self.T, len(rows)), each.shape[1]
            each[np.asarray(self.table)[t // b], t % b] = rows[self.T :]


def new_pages(model, n, b):
    """Empty pages for all layers of a model: a list of pairs K, V (n, b, H_kv, D)."""
    return [tuple(np.zeros((n, b, model.H_kv, model.D), np.float32) for _ in range(2)) for _ in range(model.L)]


# ---- scattered pages

WAYS = ("gather", "walk")
FAULTS = ("none", "ignore the table", "read the last page whole")
OTHERS = decode(encode("[polite] facts : foxes wear red . owls wear blue . please say colors ? foxes red . [end]"))


@demo(
    "model",
    "target",
    b=LogSlider("Words to a page", 1, 16, value=4, unit="words"),
    text=Text(
        "Text", "[blunt] story : Anna got lamps . Ben hits Rome . Ben got keys . say things ? Anna",
        suggest=True,
    ),
    way=Choice("Pages are read by", WAYS, value="gather"),
    fault=Choice("Break it", FAULTS, value="none"),
    seed=Seed(),
)  # fmt: skip
def scattered_pages(b, text, way, fault, seed):
    """The house model reads a text word by word: keys and values in one piece, and in pages strewn over a memory."""
    model, words = lm.load("target"), read(text, 2, 40)
    table, pages = strewn(model, len(words), b, seed)
    whole, worst = lm.new_cache(model), 0.0
    for t in range(len(words)):
        exact = lm.forward(model, words[t : t + 1], whole)[-1]  # (V,)
        see = None if (way, fault) == ("gather", "none") else reader(model, pages, table, t, way, fault)
        logits = lm.forward(model, words[t : t + 1], PagedCache(pages, table, t), see=see)[-1]  # (V,)
        worst = max(worst, max_abs_difference(exact, logits))
    spelled, mine = decode(words), dict.fromkeys(table)
    n = pages[0][0].shape[0]
    strip = [w for page in range(n) for w in words_of(page, table, spelled, b)]
    shade = [1.0 if page in mine and table.index(page) * b + slot < len(words) else 0.12
             for page in range(n) for slot in range(b)]  # fmt: skip
    return (
        Tokens(strip, shade, "key", f"The memory: {counted(n, 'page')} of {b}. The coloured words are this text's."),
        Table(
            ("place in the text", "page", "words"),
            [(i, page, " ".join(spelled[i * b : (i + 1) * b])) for i, page in enumerate(table)],
            "The table: which page comes first, second, …",
        ),
        Table(("the next word", "probability"), likeliest(logits), "What the model says, from pages"),
        Badge("Logits, pages against one piece: max|Δ|", worst, 1e-4),
        broken_note(fault, len(words), b),
    )


def strewn(model, T, b, seed):
    """A memory that is full of somebody else's rows, and a table in it for T words: the pages are drawn."""
    need = blocks_for(T, b)
    pool = Pool(2 * need + 1, b)
    pool.queue = OrderedDict.fromkeys(np.random.default_rng(seed).permutation(pool.n).tolist())
    pages, rows = new_pages(model, pool.n, b), lm.new_cache(model)
    lm.forward(model, encode(others(pool.n * b)), rows)
    for pair, full in zip(pages, rows, strict=True):
        for each, filled in zip(pair, full, strict=True):
            each[:] = filled.reshape(each.shape)
    return [allocate(pool) for _ in range(need)], pages


def others(count):
    """So many words of somebody else."""
    return (OTHERS * (count // len(OTHERS) + 1))[:count]


def words_of(page, table, words, b):
    """What lies in a page: the text's words, and behind them or elsewhere those of somebody else."""
    here = others((page + 1) * b)[-b:]
    mine = words[table.index(page) * b :][:b] if page in table else []
    return mine + here[len(mine) :]


def reader(model, pages, table, t, way, fault):
    """What lm.forward is to call at each step, so that word t attends by our own reading of the pages."""
    turns, query = lm.rotation(np.array([t]), rope_frequencies(model.D, model.base)), {}
    b = pages[0][0].shape[1]
    read_from = range(len(table)) if fault == "ignore the table" else table
    T = b * blocks_for(t + 1, b) if fault == "read the last page whole" else t + 1

    def see(name, layer, value):
        if name == "q":
            query[layer] = lm.rotate(value, turns)[0]  # (H, D)
        if name != "heads":
            return None
        K, V = pages[layer]
        if way == "gather":  # one page that is as long as the text
            K, V = gather(K, read_from, T)[None], gather(V, read_from, T)[None]
            return paged_attention(query[layer], K, V, [0], T)[None]
        return paged_attention(query[layer], K, V, list(read_from), T)[None]

    return see


def likeliest(logits, count=3):
    """The likeliest next words and their probabilities in %."""
    p = lm.probabilities(logits)
    return [(decode([i])[0], f"{100 * p[i]:.1f} %") for i in np.argsort(-p, kind="stable")[:count]]


def broken_note(fault, T, b):
    if fault == "none":
        return Note("Both read the same numbers. Gathered, they are summed in the same order, too.")
    if fault == "ignore the table":
        return Note("Pages 0, 1, 2, … are read, whoever owns them. Nothing crashes.", "warning")
    if T % b == 0:
        return Note(f"{T} words fill their pages of {b}: at the last word the fault is not seen, at others it was.",
                    "warning")  # fmt: skip
    return Note(f"At the last word {b - T % b} slots are read that hold somebody else's words.", "warning")


# ---- what a wrong hash does

STORIES = """[polite] story : Anna has lamps . Ben has keys . please say things ? Ben
[polite] story : Anna has lamps . Ben has maps . please say things ? Ben
[polite] story : Kate has bells . Ben has keys . please say things ? Kate
[polite] story : Kate has lamps . Ben has keys . please say things ? Kate"""
HASHES = ("right", "leave out a page's last word", "leave out what stands before")


def hashed(words, b, how):
    """The hashes of a prompt's pages, rightly or with one of two faults."""
    if how == "leave out a page's last word":
        words = ["" if i % b == b - 1 else word for i, word in enumerate(words)]
    return block_hashes(words, b, chain=how != "leave out what stands before")


def answers(model, prompts, b, how="right"):
    """The prompts served one after the other over the same pages: a list of (words found, logits of the next word)."""
    n = sum(blocks_for(len(words), b) for words in prompts)
    pool, pages, said = Pool(n, b), new_pages(model, n, b), []
    for words in prompts:
        table, hit = admit(pool, hashed(words, b, how), len(words))
        logits = lm.forward(model, encode(words[hit:]), PagedCache(pages, table, hit))[-1]  # (V,)
        release(pool, table)
        said.append((hit, logits))
    return said


@demo(
    "model",
    "target",
    b=Slider("Words to a page", 2, 8, value=5, unit="words"),
    text=Text("Prompts, one a line", STORIES, limit=700, lines=5, suggest=True),
    how=Choice("Break it: the hash of a page", HASHES, value="right"),
)
def neighbours_pages(b, text, how):
    """The house model answers prompts one after the other, and takes pages that lie in memory already."""
    prompts = [decode(read(line, 2, 60)) for line in text.splitlines() if line.strip()]
    if not 1 <= len(prompts) <= 8:
        raise UnreadableError(f"1 to 8 prompts, please, each on a line of its own; these are {len(prompts)}.")
    model, views, changed, worst = lm.load("target"), [], 0, 0.0
    for words, (hit, logits) in zip(prompts, answers(model, prompts, b, how), strict=True):
        alone = lm.forward(model, encode(words))[-1]  # (V,)
        worst = max(worst, max_abs_difference(alone, logits))
        (said, p), (right, _) = likeliest(logits, 1)[0], likeliest(alone, 1)[0]
        changed += said != right
        verdict = "as alone" if said == right else f"alone: {right}"
        caption = f"{hit} of {len(words)} words found. Answer: {said} ({p}), {verdict}"
        shade = [1.0] * hit + [0.12] * (len(words) - hit) + [0.0]
        views.append(Tokens([*words, said], shade, "key" if said == right else "error", caption, len(words)))
    note = Note("Coloured words were not computed: their keys and values lay in memory. The last word is the answer.")
    if changed:
        note = Note(f"{counted(changed, 'answer')} changed by what somebody else wrote. Nothing crashed.", "warning")
    return (
        *views,
        Metrics(("Answers changed by the memory", changed, f"of {len(prompts)}")),
        Badge("Logits, with found pages against alone: max|Δ|", worst, 1e-3),
        note,
    )
