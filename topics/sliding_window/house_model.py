"""The house model behind windows: what it still finds, and what it loses with the first words."""

from functools import cache

import numpy as np

from topics.kit import Choice, Figure, Metrics, Note, Seed, Slider, Tokens, bars, demo, label, lm, rule, softmax
from topics.kit.model.language import ANIMALS, ASK, BLUNT, END, FOODS, POLITE, VERBS, law
from topics.kit.model.language import text as grammar
from topics.kit.model.text import NUMBER, decode, encode, held_out, padded
from topics.kit.page.words import counted
from topics.sliding_window.method import receptive_field, sliding_window_mask

N_FACTS, TEXTS = 12, 4


QUESTION = encode([ASK[BLUNT], "foods", "?"])


def facts_about_all(seed):
    """TEXTS texts that tell what each of the 12 animals eats, then begin to ask: words (TEXTS, 54), the animals and
    the foods (TEXTS, 12)."""
    rng = np.random.default_rng(seed)
    animals = np.array([rng.permutation(encode(ANIMALS)) for _ in range(TEXTS)])
    foods = rng.choice(encode(FOODS), (TEXTS, N_FACTS))
    told = np.stack([animals, np.full_like(foods, NUMBER["eat"]), foods, np.full_like(foods, NUMBER["."])], -1)
    start = np.tile(encode([BLUNT, "facts", ":"]), (TEXTS, 1))
    return np.hstack([start, told.reshape(TEXTS, -1), np.tile(QUESTION, (TEXTS, 1))]), animals, foods


def ask_all(seed, W, whole=None):
    """Ask the house model for each fact, with a window in every layer but `whole` (1 … L, or None).

    returns  words back from the question's last word to the food (12,), and the probability of the right food and
             whether it is the likeliest word (TEXTS, 12) each
    """
    model, (told, animals, foods) = lm.load("target"), facts_about_all(seed)
    t = told.shape[1]
    window = sliding_window_mask(t + 1, W)

    def see(name, layer, value):
        if name == "scores" and layer + 1 != whole:
            T, seen = value.shape[-2:]
            return np.where(window[seen - T : seen, :seen], value, -np.inf)
        return None

    cache = [tuple(np.repeat(rows[None], TEXTS, 0) for rows in pair) for pair in lm.new_cache(model)]
    lm.forward(model, told, cache, see=see)
    cache = [tuple(np.repeat(rows, N_FACTS, 0) for rows in pair) for pair in cache]  # a copy for each question
    p = softmax(lm.forward(model, animals.reshape(-1, 1), cache, see=see)[:, -1])  # (TEXTS · 12, V)
    right = foods.ravel()
    p_right, said = p[np.arange(len(p)), right], p.argmax(-1) == right
    return t - (5 + 4 * np.arange(N_FACTS)), p_right.reshape(foods.shape), said.reshape(foods.shape)


def answered(W, whole=None, seeds=4):
    """Percent of the facts that are answered: those whose food stands in the window of the question's last word, and
    those further back (None where there are none)."""
    runs = [ask_all(seed, W, whole) for seed in range(seeds)]
    back, said = runs[0][0], np.concatenate([run[2] for run in runs])
    return [100 * float(said[:, part].mean()) if part.any() else None for part in (back < W, back >= W)]


LAYERS = ("none", "1", "2", "3", "4")


@demo(
    "model",
    "target",
    W=Slider("Window W", 2, 64, value=16, step=2, unit="words"),
    whole=Choice("Layer without a window", LAYERS, value="none"),
    seed=Seed(),
)
def ask_far_back(W, whole, seed):
    """The house model is asked for facts that stand nearer and further back, while its layers see only a window."""
    back, p, said = ask_all(seed, W, None if whole == "none" else int(whole))
    L, near = lm.load("target").L, back < W
    reach = receptive_field(L, W)
    told, animals, _ = facts_about_all(seed)
    words = [*decode(told[0]), decode(animals[0, :1])[0]]
    T = len(words)
    inside, beyond = [100 * float(said[:, part].mean()) if part.any() else None for part in (near, ~near)]
    ends = [(W, "window ends", 117, "dash"), (reach, f"reach of {L} layers ends", 107, "dot")]
    ends = [end for end in ends if end[0] < 66 and (end[0] == W or whole == "none")]
    figure = Figure(
        [bars(back, 100 * p.mean(0), "right food", "output", width=2.4)],
        x_title="Words back to the food",
        y_title="Probability of the right food (%)",
        alt=f"W = {W}, layer without a window: {whole}. Mean probability of the right food: "
        + ", ".join(f"{100 * p[:, part].mean():.0f} % for foods {where}, up to {back[part].max()} words back"
                    for part, where in ((near, "inside the window"), (~near, "further back")) if part.any()) + ".",
        xaxis={"range": [0, 66]},
        yaxis={"range": [0, 118], "tickvals": [0, 25, 50, 75, 100]},
        shapes=[rule(x=at - 0.5, dash=dash) for at, _, _, dash in ends],
        annotations=[
            label(at - 0.5, y, f" {text} ", xanchor="left" if at < 36 else "right", yanchor="top")
            for at, text, y, _ in ends
        ],
        showlegend=False,
    )  # fmt: skip
    share = [f"{x:.0f} %" if x is not None else "none asked" for x in (inside, beyond)]
    return (
        figure,
        Metrics(
            ("Answered, food inside the window", share[0], "", f"{near.sum() * TEXTS} questions"),
            ("Answered, food further back", share[1], "", f"{(~near).sum() * TEXTS} questions; a guess is 1 of 8"),
            (f"{L} layers could carry", reach - 1, "words back", f"{L} · ({W} − 1)")
            if whole == "none"
            else (f"{L} layers could carry", "all", f"{T - 1} words back", f"layer {whole} sees all {T} words"),
        ),
        Tokens(
            words,
            [float(T - 1 - j < W) for j in range(T)],
            "key",
            f"The first of {TEXTS} texts, with one of its {N_FACTS} questions. Shaded: what the last word sees.",
            T - 1,
        ),
    )


# ---- forgetting the first words

MARKS = frozenset([*VERBS[POLITE].values(), *VERBS[BLUNT].values(), *ASK.values(), "thank"])


LEAVES = 8  # a forgotten word is seen for this many words more


PLACED = {"its own word": None, "a full stop": ".", "the other register": ""}


SAMPLE = 6  # texts of the demo


def tells_register(each):
    """Which words of a text, its first apart, the language picks by the register: those at whose place it may say a
    verb, a question's or a thanks' first word, or, after those, the end. (T − 1,) bool."""
    walk, places = grammar(), []
    options = next(walk)
    for word in each.words:
        offered = law(options)
        ends = END in offered and each.words[1] != "song"
        places.append(ends or not MARKS.isdisjoint(offered))
        if word != END:
            options = walk.send(word)
    return np.array(places[1:])


def forget(texts, n, placed="its own word"):
    """The house model reads texts while their first n words are forgotten after LEAVES words, or stand changed.

    returns  what each word loses above the floor, in nats (B, T), whether the register picks it and whether it counts
             (B, T) each, and the mean weight (L, H) that later words put on the first
    """
    model = lm.load("target")
    words, targets, real = padded(texts)
    if PLACED[placed] is not None:
        other = {POLITE: BLUNT, BLUNT: POLITE}
        words[:, 0] = [NUMBER[PLACED[placed] or other[each.words[0]]] for each in texts]
    B, T = words.shape
    late, on_first = np.arange(T) >= 12, np.zeros((model.L, model.H))
    i, j = np.arange(T)[:, None], np.arange(T)
    mask = (j <= i) & ((j >= n) | (i - j < LEAVES))

    def see(name, layer, value):
        if name == "attention":
            on_first[layer] = np.moveaxis(value[..., 0], 1, 2)[real & late].mean(0)

    p = softmax(lm.forward(model, words, mask=mask, see=see).astype(float))
    loss = -np.log(np.take_along_axis(p, targets[..., None], -1)[..., 0])
    marked = np.zeros((B, T), bool)
    for row, each in enumerate(texts):
        size = len(each.words) - 1
        loss[row, :size] += each.log_probs[1:]
        marked[row, :size] = tells_register(each)
    return loss, marked, real & late, on_first


def forgetting(kind, n, placed="its own word"):
    """Nats above the floor over 24 texts: of the words that the register picks (None in songs), and of all others."""
    loss, marked, counts, _ = forget(held_out(24, kind), n, placed)
    return [float(loss[part].mean()) if part.any() else None for part in (counts & marked, counts & ~marked)]


@demo(
    "model",
    "target",
    n=Slider("First words forgotten", 0, 4, value=1),
    kind=Choice("Kind of text", ("explain", "facts", "story", "song"), value="explain"),
    placed=Choice("In the first word's place", tuple(PLACED), value="its own word"),
    seed=Seed(),
)
def forget_the_first(n, kind, placed, seed):
    """What the house model loses when the first words leave its sight, on the words that the first one decides and on
    all others."""
    texts = held_out(SAMPLE, kind, start=SAMPLE * seed)
    full, marked, counts, on_first = before_forgetting(kind, seed)
    now, _, _, _ = forget(texts, n, placed)
    parts = {"by register": counts & marked, "all others": counts & ~marked}
    parts = {f"{name} ({part.sum()})": part for name, part in parts.items() if part.any()}
    before, after = ([float(x[part].mean()) for part in parts.values()] for x in (full, now))
    layer, head = np.unravel_index(on_first.argmax(), on_first.shape)
    one = texts[0].words
    shade = np.clip(now[0, : len(one) - 1] / 3, 0, 1) * counts[0, : len(one) - 1]
    told = [word for word, is_told in zip(one[1:], (counts & marked)[0], strict=False) if is_told]
    changes = [f"{name} {b:.2f} before, {a:.2f} now" for name, b, a in zip(parts, before, after, strict=True)]
    lowest = min(*before, *after)
    tops = [max(pair) for pair in zip(before, after, strict=True)]
    return (
        Figure(
            [
                bars(list(parts), before, "text as it is", "reference", text=[f"{x:.2f}" for x in before],
                     textposition="outside"),
                bars(list(parts), after, "changed", "error", text=[f"{x:.2f}" for x in after], textposition="outside"),
            ],
            x_title="Words, from the 14th on",
            y_title="Loss above the floor (nats)",
            alt=f"{kind}, {counted(n, 'first word')} forgotten, in the first word's place: {placed}. Loss above the "
            f"floor: {'; '.join(changes)}.",
            xaxis={"tickangle": 0},
            yaxis={"range": [min(lowest, 0) if lowest < -0.01 else 0, 1.2 * max(1, *tops)]},
        ),
        Tokens(one, [0.0, *shade.tolist()], "error", "The first of the texts, shaded where it now loses more than the "
               "floor (from the 14th word on)."),
        Metrics(
            ("Most weight on the first word", round(100 * float(on_first.max())), "%",
             f"layer {layer + 1}, head {head + 1}, text as it is"),
            ("Mean of all heads", round(100 * float(on_first.mean())), "%", f"{on_first.size} heads"),
        ),
        Note(f"Told by the register in this text: {', '.join(told)}." if told else
             "A song is the same in both registers: its first word decides nothing."),
    )  # fmt: skip


@cache
def before_forgetting(kind, seed):
    """What forget gives for the demo's texts as they are."""
    return forget(held_out(SAMPLE, kind, start=SAMPLE * seed), 0)
