"""Rotation in the house model: a text moved along, and a song longer than its context."""

from functools import cache

import numpy as np

from topics.kit import (
    Badge,
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Progress,
    Seed,
    Text,
    Tokens,
    demo,
    label,
    line,
    lm,
    max_abs_difference,
    rule,
    softmax,
)
from topics.kit.model.language import BLUNT, CONTEXT, SUNG
from topics.kit.model.text import decode, encode, held_out, padded, read
from topics.rope.method import WAYS, half_split_order, scale_frequencies

HABITS = NOTHING, VALUES_TOO, THERE_AND_BACK, KEYS_ONLY, OTHER_WAY, REORDERED = (
    "nothing",
    "turn the values too",
    "turn the values, output back",
    "turn keys, not queries",
    "pair the other way",
    "the other way, weights reordered",
)


@demo(
    "model",
    "target",
    shift=LogSlider("All positions moved on by", 1, 8192, value=1024),
    broken=Choice("Break it", HABITS, value="nothing"),
    text=Text(
        "Text",
        "[blunt] song : keys Anna lamps Rome green tea Ben owls ; keys Anna lamps Rome green tea Ben",
        suggest=True,
    ),
)
def shift_a_text(shift, broken, text):
    """The house model reads a text that begins anywhere: what it says next, and how far its logits move."""
    words = read(text, 2, CONTEXT)
    there, here = read_at(words, shift, broken), read_at(words, 0, broken)
    p, trained = softmax(there), softmax(here if broken == NOTHING else read_at(words, 0))
    places = np.arange(len(words) - 1), words[1:]
    says = [(decode([each[-1].argmax()])[0], f"{100 * each[-1].max():.1f} %") for each in (trained, p)]
    losses = [float(-np.log(np.maximum(each[places], 1e-12)).mean()) for each in (trained, p)]
    return (
        Tokens(decode(words), [0.0, *p[places].tolist()], "output",
               f"Shaded by the probability of each word, given those before, the first at position {shift:,}. "
               f"Loss {losses[1]:.2f} nats a word; as trained, {losses[0]:.2f}."),
        Metrics(("Next word, as trained", *says[0]), ("Next word here", *says[1]),
                ("Loss, as trained", losses[0], "nats a word"), ("Loss here", losses[1], "nats a word")),
        Badge(f"Positions from {shift:,} on against 0: max|Δ logit|", max_abs_difference(there, here), 1e-3),
        Note(_shift_note(broken), "info" if broken in (NOTHING, REORDERED) else "warning"),
    )  # fmt: skip


def read_at(words, shift, broken=NOTHING):
    """Logits (..., T, V) of the house model for words (..., T) at positions shift, shift + 1, …, with one of HABITS.

    The model turns q and k by their place in the text; turning them by `shift` beforehand moves the whole text.
    """
    model, places = lm.load("target"), np.arange(np.shape(words)[-1])
    theta, order = lm.rope_frequencies(model.D, model.base), half_split_order(model.D)
    by_shift, back = lm.rotation(0 * places + shift, theta), lm.rotation(-places, theta)
    at_place, from_place = lm.rotation(places + shift, theta), lm.rotation(-places - shift, theta)
    if broken == REORDERED:
        model = reordered(model, np.argsort(order))

    def see(name, layer, value):
        if name in ("q", "k") and broken in (OTHER_WAY, REORDERED):
            value = value[..., order]  # turned half-split from here on, which is the interleaved turn, reordered
        if name == "q" and broken == KEYS_ONLY:
            return lm.rotate(value, back)  # the model's own turn undoes it
        if name in ("q", "k"):
            return lm.rotate(value, by_shift)
        if name == "v" and broken in (VALUES_TOO, THERE_AND_BACK):
            return lm.rotate(value, at_place)
        return lm.rotate(value, from_place) if name == "heads" and broken == THERE_AND_BACK else None

    return lm.forward(model, words, see=see)


def reordered(model, order):
    """The same model, the rows of its query and key matrices reordered within each head."""
    changed = {}
    for name in (f"{layer}.{part}" for layer in range(model.L) for part in "qk"):
        W = model.weights[name]
        changed[name] = W.reshape(-1, model.D, model.d)[:, order].reshape(W.shape)
    return model.with_weights(changed)


@cache
def answered(broken, shift=0, n=16):
    """The share of the words that a text determines, and its loss, over n held-out texts: (percent, nats a word)."""
    texts = held_out(n)
    words, targets, real = padded(texts)
    p = softmax(read_at(words, shift, broken))
    right = [p[row, at - 1].argmax() == targets[row, at - 1] for row, each in enumerate(texts) for at in each.answers]
    losses = -np.log(np.maximum(np.take_along_axis(p, targets[..., None], -1)[..., 0], 1e-12))
    return 100 * float(np.mean(right)), float(losses[real].mean())


def _shift_note(broken):
    return {
        NOTHING: "Scores know positions only as distances, so the whole model does: no logit moves, but for rounding.",
        VALUES_TOO: "Values are mixed, not compared: nothing cancels their turn, and the rest of the model meets "
        "vectors turned by their positions.",
        THERE_AND_BACK: "Each value arrives turned by its distance from the word that asks, so the badge holds. This "
        "model was not trained to expect that.",
        KEYS_ONLY: "One turn without its counterpart: scores depend on the key's own position.",
        OTHER_WAY: "Scores still know only distances, so the badge holds. But they are not the scores that the model "
        "was trained with, and nothing crashes.",
        REORDERED: "The rows of its query and key matrices, reordered within each head, give the trained scores back.",
    }[broken]


LINE_LENGTH = 24  # words of a song's line


SONG_WAYS = (*WAYS, "YaRN, no temperature")


@demo(
    "model",
    "target",
    way=Choice("Frequencies", SONG_WAYS, value="YaRN"),
    f=Choice("Length, in contexts of 128 words", (2, 3), value=2),
    seed=Seed("Song"),
)
def beyond_the_context(way, f, seed):
    """A line of words, sung for longer than any text of the house model's training: what it still knows to follow."""
    yield Progress(0, 2, "Reading the song")
    words, found = song(f, seed), {"none": as_trained(f, seed)}
    yield Progress(1, 2, "Reading it again, stretched")
    if way != "none":
        found[way] = sing(words, *stretched(way, f))
    yield _song_views(words, found, f)


@cache
def as_trained(f, seed):
    """What sing gives for a song with the frequencies as they were trained."""
    return sing(song(f, seed), *stretched("none", f))


def song(f, seed):
    """A line of LINE_LENGTH different words, sung again and again, f · CONTEXT words at most: (T,)."""
    rng = np.random.default_rng(seed)
    verse = encode([str(word) for word in rng.choice(SUNG, LINE_LENGTH, replace=False)])
    times = (f * CONTEXT - 3) // (LINE_LENGTH + 1)
    return np.concatenate([encode([BLUNT, "song", ":"]), *[np.append(verse, encode([";"]))] * times])[:-1]


def stretched(way, f):
    """The house model's frequencies (D/2,) and the factor on its queries and on its keys, one of SONG_WAYS."""
    model = lm.load("target")
    theta, temperature = scale_frequencies(model.D, model.base, way.split(",")[0], f, CONTEXT)
    return theta, temperature if way == "YaRN" else 1.0


def sing(words, theta, temperature=1.0):
    """How the house model copies a song with these frequencies.

    words    (..., T)
    returns  the probability of the right word, and whether it was the likeliest, for each word but the first of every
             verse from the second on: (..., verses − 1, LINE_LENGTH − 1) twice
    """
    model = lm.load("target")

    def see(name, layer, value):
        return value * np.float32(temperature**2) if name == "scores" and temperature != 1 else None

    places = _verses(words.shape[-1])[1:, :-1]  # the places before the words
    p = softmax(lm.forward(model, words, frequencies=theta, see=see)[..., places, :])
    following = words[..., places + 1]
    return np.take_along_axis(p, following[..., None], -1)[..., 0], p.argmax(-1) == following


def _verses(T):
    """The places (verses, LINE_LENGTH) of a song's words, the sign between two verses left out."""
    starts = np.arange(3, T, LINE_LENGTH + 1)
    return starts[:, None] + np.arange(LINE_LENGTH)


@cache
def word_before(way, f=2, songs=3):
    """Of the two heads that do it most as trained: their mean weight on the word before, in percent, over a line sung
    once."""
    model, words = lm.load("target"), np.stack([song(f, seed)[: 3 + LINE_LENGTH] for seed in range(songs)])
    t, found = np.arange(4, words.shape[1]), {}
    for each in ("none", way):
        found[each] = np.zeros((model.L, model.H))

        def see(name, layer, value, weight=found[each]):
            if name == "attention":
                weight[layer] = value[..., t, t - 1].mean((0, 2))

        theta, _ = scale_frequencies(model.D, model.base, each, f, CONTEXT)
        lm.forward(model, words, frequencies=theta, see=see)
    best = np.argsort(-found["none"], axis=None)[:2]
    return (100 * found[way].ravel()[best]).tolist()


@cache
def copied(way, f=2, songs=3):
    """The share of words that are copied rightly in the verses within the trained context, and in the last two, in
    percent, over some songs. way: one of SONG_WAYS, or the pairs whose hands alone turn at 1/f of their speed."""
    words = np.stack([song(f, seed) for seed in range(songs)])
    how = stretched(way, f) if isinstance(way, str) else (slowed(way, f),)
    right = sing(words, *how)[1].mean((0, 2))  # (verses − 1,)
    inside = _verses(words.shape[1])[1:, -1] < CONTEXT
    return 100 * float(right[inside].mean()), 100 * float(right[-2:].mean())


def slowed(pairs, f):
    """The house model's frequencies (D/2,), those of some pairs divided by f."""
    theta, _ = stretched("none", f)
    return np.where(np.isin(np.arange(len(theta)), pairs), theta / f, theta)


def _song_views(words, found, f):
    """Two curves over the song, and the last verse word by word."""
    verses = _verses(len(words))
    middle = verses[1:].mean(1)  # (verses − 1,)
    curves = {way: (100 * right.mean(1), -np.log(np.maximum(p, 1e-12)).mean(1)) for way, (p, right) in found.items()}
    way = list(found)[-1]
    p, _ = found[way]
    names = decode(words[verses[-1]])
    last = {each: f"{curve[0][-1]:.0f} %" for each, curve in curves.items()}
    return (
        _song_figure(middle, {each: c[0] for each, c in curves.items()}, "Words copied rightly (%)", [0, 108]),
        _song_figure(middle, {each: c[1] for each, c in curves.items()}, "Loss (nats a word)", None),
        Tokens(names, [0.0, *p[-1].tolist()], "output", f"The last verse, {_called(way)}: shaded by the probability "
               "of the right word, the first apart."),
        Metrics(
            ("Last verse, frequencies as trained", last["none"], ""),
            (f"Last verse, {_called(way)}", last[way], "", f"mean loss {curves[way][1][-1]:.2f} nats"),
        ),
    )  # fmt: skip


def _called(way):
    return "as trained" if way == "none" else way


def _song_figure(x, curves, title, bounds):
    """One measure of each way against the position in the text."""
    looks = {"as trained": ("reference", "dash"), "linear": ("error", "dot"), "NTK-aware": ("cost", "dashdot")}
    most = max(float(np.max(y)) for y in curves.values())
    named = {"as trained" if way == "none" else way: y for way, y in curves.items()}
    return Figure(
        [line(x, y, name, *looks.get(name, ("output", "solid")), mode="lines+markers") for name, y in named.items()],
        x_title="Position in the text (words)",
        y_title=title,
        alt=f"{title}: " + "; ".join(f"{w} {y[0] + 0:.1f} in the second verse, {y[-1] + 0:.1f} in the last"
                                     for w, y in named.items()) + ".",
        height=250,
        xaxis={"range": [0, x[-1] + LINE_LENGTH / 2]},
        yaxis={"range": bounds or [-0.05 * max(most, 1), 1.1 * max(most, 1)]},
        shapes=[rule(x=CONTEXT)],
        annotations=[label(CONTEXT, 0.5, "training ends ", yref="paper", xanchor="right", yanchor="middle")],
    )  # fmt: skip
