"""The cache of the house model: a race without it, and what a changed word changes in it."""

import time

import numpy as np

from topics.kit import (
    Badge,
    Choice,
    Figure,
    Matrix,
    Metrics,
    Note,
    Progress,
    Seed,
    Slider,
    Text,
    Toggle,
    Tokens,
    UnreadableError,
    demo,
    label,
    line,
    lm,
    max_abs_difference,
)
from topics.kit.model.language import CONTEXT
from topics.kit.model.text import decode, encode, read
from topics.kit.page.words import short


@demo(
    "live",
    "target",
    T=Slider("Words to write", 16, 112, value=112, step=16, unit="words"),
    kind=Choice("Text", ("story", "facts", "song"), value="story"),
    seed=Seed(),
)
def race(T, kind, seed):
    """The house model writes a text in this browser, and every word is computed twice: with and without a cache."""
    model, rng = lm.load("target"), np.random.default_rng(seed)
    words, cache = encode(f"[polite] {kind} :").tolist(), lm.new_cache(model)
    lm.forward(model, words[:-1], cache)  # the last word is the first that is measured
    lm.forward(model, words)  # the first calls are slow: keep them out
    new, start, fast, slow, worst = words[-1:], len(words), [], [], 0.0
    for written in range(1, T + 1):
        began = time.perf_counter()
        logits = lm.forward(model, new, cache)[-1]  # one row
        between = time.perf_counter()
        again = lm.forward(model, words)[-1]  # every row once more, for the sake of the last
        ended = time.perf_counter()
        fast.append(1000 * (between - began))
        slow.append(1000 * (ended - between))
        worst = max(worst, max_abs_difference(logits, again))
        p = lm.probabilities(np.where(np.isin(np.arange(model.V), LAST_WORDS), -np.inf, logits))
        new = [int(rng.choice(model.V, p=p))]
        words += new
        if written % BLOCK == 0:
            yield Progress(written, T, "Writing"), *_race_views(model, words, start, fast, slow, worst)


def race_flops_ratio(T):
    """What the race computes without a cache over what it computes with one, for T words after a prompt of three."""
    model = lm.load("target")
    context = range(3, 3 + T)
    return sum(model_flops(model, t, t) for t in context) / sum(model_flops(model, 1, t) for t in context)


BLOCK = 8  # words to a mark: a browser's clock is too coarse for one


LAST_WORDS = encode(["please", "[end]"])  # forbidden: the text is to go on, not to turn to questions or to end


def model_flops(model, new, T):
    """FLOP of a pass of `new` tokens through the house model, each meeting T keys: weights, scores, values.

    >>> model_flops(lm.Model(V=2, d=2, L=1, H=1, H_kv=1, D=2, F=1, base=1e4, weights={}), new=1, T=3)
    76
    """
    attention = 2 * model.d * model.H * model.D + 2 * model.d * model.H_kv * model.D  # q, o and k, v
    weights = model.L * (attention + 3 * model.d * model.F) + model.V * model.d
    return new * (2 * weights + 4 * model.L * model.H * model.D * T)  # a multiply-add is two


def _race_views(model, words, start, fast, slow, worst):
    """The curves so far; at the last word they are the answer."""
    t = start + len(fast)
    marks = list(range(start + BLOCK, t + 1, BLOCK))  # the last position of each block
    with_, without = (np.reshape(times, (-1, BLOCK)).mean(1) for times in (fast, slow))
    return (
        Figure(
            [
                line(marks, without, "without a cache", "error", mode="lines+markers"),
                line(marks, with_, "with a cache", "key", "dash", mode="lines+markers"),
            ],
            x_title="Words of the text so far",
            y_title="Time for the next word (ms)",
            alt=f"Measured here: the last {BLOCK} of {t} words took {short(without[-1])} ms each without a cache, "
            f"{short(with_[-1])} ms with one.",
            xaxis={"range": [0, CONTEXT]},
            yaxis={"rangemode": "tozero"},
            showlegend=False,
            annotations=[
                label(t, float(without[-1]), "without", xanchor="right", yanchor="bottom", xshift=-8),
                label(t, float(with_[-1]), "with", xanchor="right", yanchor="bottom", xshift=-8),
            ],
        ),
        Tokens(decode(words), caption="What it wrote, each word drawn from the logits with the cache."),
        Metrics(
            ("All words without", sum(slow) / 1000, "s", "measured, one run"),
            ("All words with", sum(fast) / 1000, "s", "measured, the same run"),
            ("Ratio of times", sum(slow) / max(sum(fast), 1e-3), "×", "measured"),
            ("Ratio of FLOP", race_flops_ratio(len(fast)), "×", "computed: all rows against one, word by word"),
        ),
        Badge("Logits compared: max|Δ|", worst, 1e-3),
    )


@demo(
    "model",
    "target",
    place=Slider("Word to change (from 0)", 0, 30, value=3),
    text=Text(
        "Text",
        "[polite] story : Anna has lamps . Ben has keys . Ben visits Rome .",
        suggest=True,
    ),
    new=Text("New word", "Kate", limit=20, suggest=True),
    insert=Toggle("Insert it, and move the rest along"),
)
def edit_a_word(place, text, new, insert):
    """How far each row of the house model's cache moves when one word of the text changes."""
    words, new_words = decode(read(text, 2, CONTEXT)), decode(encode(new))
    if len(new_words) != 1:
        raise UnreadableError(f"One new word, please; these are {len(new_words)}.")
    (new_word,) = new_words
    place = min(place, len(words) - 1)
    after = words[place:] if insert else words[place + 1 :]
    old, edited = cache_rows(words), cache_rows([*words[:place], new_word, *after])
    if insert:  # the old word and its cached row, against the row of the same word in the longer text
        edited = np.delete(edited, place, axis=2)
    change = np.linalg.norm(edited - old, axis=-1) / np.linalg.norm(old, axis=-1)  # (L, 2, T)
    return _edit_views(words, place, new_word, insert, change)


def cache_rows(words):
    """What the house model's cache holds after these words: (L, 2, T, H_kv·D), K before V."""
    model = lm.load("target")
    cache = lm.new_cache(model)
    lm.forward(model, encode(words), cache)
    return np.array([[rows.reshape(len(words), -1) for rows in pair] for pair in cache])


def _edit_views(words, place, new_word, insert, change):
    """The change of each cached row as a table of words by layers, and what it means for the cache."""
    L, _, T = change.shape
    columns = [f"{name}{'₁₂₃₄₅₆₇₈'[i]}" for i in range(L) for name in "KV"]
    rows = [f"{word} → {new_word}" if t == place and not insert else word for t, word in enumerate(words)]
    kept = change < SAME
    whole = kept.all((0, 1)).cumprod().sum()  # words from the beginning on with nothing changed
    percent = 100 * change.transpose(2, 0, 1).reshape(T, 2 * L)  # (T, 2·L), a row's ‖new − old‖ over its ‖old‖
    percent = np.array([[float(f"{x:.2g}") for x in row] for row in percent])
    note = (
        "The rest stands one place further on. In layer 1 its values are what they were, but keys are rotated by their "
        "position."
        if insert
        else "In layer 1 a row depends on its own word alone; above it, on all that its word has read."
    )
    return (
        Matrix(percent, rows, columns, "Change of each cached row, in % of its length", "error"),
        Metrics(
            ("Rows that stay", int(kept.sum()), f"of {kept.size}", "change below a millionth"),
            ("Usable as a prefix", int(whole), f"of {T} words", "all rows the same, from the beginning on"),
        ),
        Badge("Before the edit: max change", change[:, :, :place].max(initial=0), SAME),
        Note(note),
    )  # fmt: skip


SAME = 1e-6  # a change that is float32's rounding
