"""What the house model shows: how a law of the next word is cut, and what a window of several texts does to it."""

from functools import cache

import numpy as np

from topics.gpt_pretraining.method import causal_mask, document_mask, sample
from topics.kit import (
    Badge,
    Choice,
    Figure,
    Metrics,
    Note,
    Seed,
    Slider,
    Text,
    Toggle,
    Tokens,
    UnreadableError,
    bars,
    demo,
    heatmap,
    lm,
    max_abs_difference,
    points,
)
from topics.kit.model.language import WORDS, law, next_word, text
from topics.kit.model.losses import word_losses
from topics.kit.model.text import NUMBER, decode, encode, held_out, read
from topics.kit.numerics import softmax
from topics.kit.page.words import counted

# ---- sampling

GRADED = 12  # texts
SHOWN = 12  # words of the figure
WRITTEN = 30  # words of the sample


@demo(
    "model",
    "target",
    temperature=Slider("Temperature", 0.0, 2.0, value=1.0, step=0.1),
    top_k=Choice("Top-k", (0, 1, 3, 10, 40), value=0),
    top_p=Slider("Top-p", 0.5, 1.0, value=1.0, step=0.05),
    min_p=Slider("Min-p", 0.0, 0.3, value=0.0, step=0.02),
    prompt=Text("Beginning", "[polite] story : Anna has coins . Ben visits Oslo .", suggest=True),
    seed=Seed(),
)
def graded_sampling(temperature, top_k, top_p, min_p, prompt, seed):
    """The law of the next word, cut, beside the true one; and what the cut does over whole texts."""
    numbers = read(prompt, 1, 90)
    truth = true_law(decode(numbers))
    how = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p}
    p = lm.probabilities(lm.forward(lm.load("target"), numbers)[-1], **how)
    best = np.argsort(-np.maximum(p, truth), kind="stable")[:SHOWN]
    names = [WORDS[i] for i in best]
    forbidden, cut, apart = graded(**how)
    figure = Figure(
        [
            bars(names, 100 * p[best], "house model, cut", "output"),
            points(names, 100 * truth[best], "the language itself", "reference", "diamond"),
        ],
        x_title="Next word",
        y_title="Probability (%)",
        alt=f"Next word, model after the cut and language: {_spoken(names[:4], p, truth)}. "
        f"{counted(int((p > 0).sum()), 'word')} can come; in the language {int((truth > 0).sum())}.",
        xaxis={"type": "category"},
        yaxis={"range": [0, 115 * max(p.max(), truth.max())]},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    words, wrong = a_sample(numbers, how, seed)
    return (
        figure,
        Metrics(
            ("On forbidden words", 100 * forbidden, "%", f"mean over {GRADED} texts"),
            ("Truth cut off", 100 * cut, "%", "true probability of words that can't come any more"),
            ("Distance to the truth", apart, "", "half of Σ|p − truth|, mean"),
        ),
        Tokens(words, [float(i == wrong) for i in range(len(words))], "error", _verdict(words, wrong), at=wrong),
    )


def _spoken(names, p, truth):
    return ", ".join(f"{name} {100 * p[NUMBER[name]]:.0f} and {100 * truth[NUMBER[name]]:.0f} %" for name in names)


def _verdict(words, wrong):
    if wrong is None:
        return "What it writes: all of it is possible in the language."
    return f"What it writes: “{words[wrong]}” can't stand there in the language; from then on nothing is judged."


def true_law(words):
    """The language's law of the next word (V,). raises UnreadableError where it would never have come so far"""
    try:
        found = next_word(words)
    except ValueError as error:
        raise UnreadableError(f"No such text: {error}.") from None
    if not found:
        raise UnreadableError("That text is at its end: nothing follows [end].")
    return _as_array(found)


def _as_array(found):
    p = np.zeros(len(WORDS))
    for word, share in found.items():
        p[NUMBER[str(word)]] = share
    return p


def laws(words):
    """The true law of each word but the first, given those before: (T−1, V)."""
    walk, found = text(), []
    next(walk)
    for word in words[:-1]:
        found.append(_as_array(law(walk.send(word))))
    return np.array(found)  # (T-1, V)


@cache
def graded_places():
    """Logits of the house model and true laws at all places of GRADED texts, (N, V) each."""
    texts = held_out(GRADED, start=3000)
    logits = [lm.forward(lm.load("target"), encode(each.words)[:-1]) for each in texts]
    return np.concatenate(logits), np.concatenate([laws(each.words) for each in texts])


def graded(**how):
    """Means over places: probability on what the language forbids, true probability that is cut off, and the distance
    of the two laws, half of Σ|p − q| (eq:distance)."""
    logits, q = graded_places()
    p = np.array([lm.probabilities(row, **how) for row in logits])  # (N, V)
    return (
        float(p[q == 0].sum() / len(p)),
        float(q[p == 0].sum() / len(p)),
        float(np.abs(p - q).sum() / 2 / len(p)),
    )


def a_sample(numbers, how, seed):
    """The words that the model goes on with, and the place of the first that the language forbids, or None."""
    rng, walk, wrong = np.random.default_rng(seed), text(), None
    options = next(walk)
    for word in decode(numbers):
        options = walk.send(word)
    words, model, cache_, new = [], lm.load("target"), lm.new_cache(lm.load("target")), list(numbers)
    for place in range(WRITTEN):
        new = [sample(lm.forward(model, new, cache_)[-1], rng, **how)]
        words.append(WORDS[new[0]])
        if wrong is None:
            if words[-1] not in law(options):
                wrong = place
            elif words[-1] != "[end]":
                try:
                    options = walk.send(words[-1])
                except StopIteration:
                    break
        if words[-1] == "[end]":
            break
    return words, wrong


# ---- packing


@demo(
    "model",
    "target",
    n=Slider("Texts in the window", 2, 4, value=2),
    apart=Toggle("Keep documents apart (document mask)"),
    seed=Seed("Texts"),
)
def packed_window(n, apart, seed):
    """Several texts in one window: the loss of each, alone and behind the others."""
    texts = short_texts(n, seed)
    numbers = np.concatenate([encode(each.words) for each in texts])  # (T,)
    documents = np.repeat(np.arange(n), [len(each.words) for each in texts])  # (T,)
    mask = document_mask(documents) if apart else causal_mask(len(numbers))
    logits = lm.forward(lm.load("target"), numbers, mask=mask)
    alone = [float(word_losses(lm.load("target"), each.words).mean()) for each in texts]
    packed = [float(losses.mean()) for losses in losses_of(logits, numbers, documents)]
    names = [f"text {i + 1}" for i in range(n)]
    figure = Figure(
        [
            bars(names, alone, "alone", "reference", text=[f"{x:.2f}" for x in alone]),
            bars(names, packed, "in the window", "output" if apart else "error", text=[f"{x:.2f}" for x in packed]),
        ],
        x_title="Text, in the order of the window",
        y_title="Loss (nats a word)",
        alt=f"Nats a word alone and in the window, {'kept apart' if apart else 'not kept apart'}: "
        + ", ".join(f"{name} {a:.2f} and {b:.2f}" for name, a, b in zip(names, alone, packed, strict=True))
        + ".",
        xaxis={"type": "category"},
        yaxis={"range": [0, 1.18 * max(*alone, *packed)]},
        barmode="group",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    T = len(numbers)
    map_ = Figure(
        [heatmap(mask.astype(int), np.arange(1, T + 1), np.arange(1, T + 1), "may see", "key")],
        x_title="Word that is seen",
        y_title="Word that looks",
        alt=f"Which of {T} words may see which: {'a triangle for each text' if apart else 'one triangle over all'}; "
        f"{int(mask.sum()):,} pairs.",
        height=300,
        yaxis={"autorange": "reversed"},
    )
    masked = logits if apart else lm.forward(lm.load("target"), numbers, mask=document_mask(documents))
    alone_logits = lm.forward(lm.load("target"), encode(texts[-1].words))
    return (
        figure,
        map_,
        Metrics(
            (f"Text {n} alone", alone[-1], "nats a word"),
            (f"Text {n} in the window", packed[-1], "nats a word"),
            ("Pairs that attention computes", int(mask.sum()), f"of {T * (T + 1) // 2:,}"),
        ),
        Badge(
            f"Text {n} with the mask, against alone: max|Δ| of its logits",
            max_abs_difference(masked[documents == n - 1], alone_logits),
            1e-3,
        ),
        Note(
            "Each text sees itself alone; positions count on through the window."
            if apart
            else "The house model was trained on one text to a window: a second one behind it is new to it."
        ),
    )


@cache
def packed_losses(apart, n=2, seed=0):
    """For the page's text: nats a word of the last of n texts, alone and in the window of packed_window."""
    texts = short_texts(n, seed)
    numbers = np.concatenate([encode(each.words) for each in texts])
    documents = np.repeat(np.arange(n), [len(each.words) for each in texts])
    mask = document_mask(documents) if apart else causal_mask(len(numbers))
    logits = lm.forward(lm.load("target"), numbers, mask=mask)
    alone = word_losses(lm.load("target"), texts[-1].words)
    return float(alone.mean()), float(losses_of(logits, numbers, documents)[-1].mean())


def short_texts(n, seed):
    """n held-out texts that fit into one window of the house model together."""
    longest = 128 // n
    return [each for each in held_out(60, start=4000 + 60 * seed) if len(each.words) <= longest][:n]


def losses_of(logits, numbers, documents):
    """−log p of each word but the first of its document, a list of arrays, one a document."""
    p = softmax(logits.astype(float))[:-1]  # (T−1, V)
    losses = -np.log(p[np.arange(len(p)), numbers[1:]])  # (T−1,)
    inside = documents[1:] == documents[:-1]
    return [losses[inside & (documents[1:] == i)] for i in range(documents[-1] + 1)]


def padding_share(T=128, texts=400):
    """The share of places that are padding where each text has a window of T words of its own."""
    return 1 - np.mean([len(each.words) for each in held_out(texts, start=5000)]) / T
