"""The trained mixture of the house family: who is sent where, what finds no room, how many experts a batch touches."""

from functools import cache

import numpy as np

from topics.kit import (
    Badge,
    Choice,
    Figure,
    LogSlider,
    Matrix,
    Metrics,
    Note,
    Progress,
    Seed,
    Slider,
    Table,
    Text,
    Toggle,
    bars,
    demo,
    label,
    line,
    lm,
    max_abs_difference,
    rule,
)
from topics.kit.model.text import decode, encode, held_out, read
from topics.kit.page.words import counted
from topics.kit.real.costs import experts_touched
from topics.moe.method import (
    expert_capacity,
    load_of,
    moe_layer,
    top_k_router,
    within_capacity,
)
from topics.moe.ranks import expert_parallel, ranks_touched
from topics.moe.words import CLASSES, class_of, information

MIXTURE, K, EXPERTS = "mixture", 2, 8
LAYERS = (1, 2, 3, 4)


# ---- one text

STORY = ("[polite] story : Anna has maps . Ben visits Oslo . Anna visits Rome . "
         "please say things ? Anna maps . thank you . [end]")  # fmt: skip
RANDOM = "Break it: a router that throws dice"


@demo(
    "model",
    MIXTURE,
    layer=Slider("Layer", 1, 4, value=1),
    text=Text("Text", STORY, suggest=True, limit=400,
              examples=("[blunt] answer : 3 7 4 - 2 0 0 = 1 7 4 . [end]", "Oslo")),
    dice=Toggle(RANDOM),
)  # fmt: skip
def route_a_text(layer, text, dice):
    """Each word's two experts, how much each counts, and the load of all (line: an even share), in one layer."""
    numbers = read(text, 3, 100)
    routes, loss = routed(numbers, dice)
    p = routes[layer - 1]  # (T, E)
    chosen, weights = top_k_router(p, K)
    words, load = decode(numbers), load_of(chosen, EXPERTS)
    held = np.zeros(p.shape)  # (T, E)
    np.put_along_axis(held, chosen, weights, 1)
    rows = [(str(e + 1), listed(w for w, c in zip(words, chosen, strict=True) if c[0] == e)) for e in range(EXPERTS)]
    number, share = list(range(1, EXPERTS + 1)), 100 * load
    return (
        Matrix(held.T, [f"expert {e + 1}" for e in range(EXPERTS)], words, f"Layer {layer}: weight of each expert"),
        Table(("Expert", "words that go here first"), rows, f"Layer {layer}, this text."),
        Figure(
            [bars(number, share, "load", "key")],
            x_title="Expert",
            y_title="Load (% of all choices)",
            alt=f"Layer {layer}, {counted(len(words), 'word')}, two choices each: "
            + ", ".join(f"expert {e} gets {x:.0f} %" for e, x in zip(number, share, strict=True))
            + f"; an even share is 12.5 %. The loss is {loss:.2f} nats a word.",
            height=200,
            xaxis={"dtick": 1},
            shapes=[rule(y=12.5)],
        ),
        Metrics(
            ("Loss on this text", loss, "nats a word", "with the dice" if dice else "with the router that it learnt"),
            ("Busiest expert", EXPERTS * float(load.max()), "× an even share", "load · 8"),
            ("Experts that nobody chose", int((load == 0).sum()), "of 8"),
        ),
    )


def routed(numbers, dice=False):
    """The router's probabilities of a text in each layer, a list of (T, E), and the mixture's loss on it."""
    routes, rng = [], np.random.default_rng(0)

    def see(name, layer, value):
        if name == "router":
            drawn = rng.random(value.shape).astype(value.dtype) if dice else value
            routes.append(drawn / drawn.sum(1, keepdims=True))
            return drawn
        return None

    logits = lm.forward(lm.load(MIXTURE), numbers, see=see)
    return routes, loss_of(logits[:-1], numbers[1:])


def loss_of(logits, targets):
    """Nats a word, the mean over (T, V) and (T,)."""
    z = logits - logits.max(1, keepdims=True)
    return float(np.mean(np.log(np.exp(z).sum(1)) - z[np.arange(len(z)), targets]))


def mixture_size():
    """Parameters of the mixture."""
    return sum(w.size for w in lm.load(MIXTURE).weights.values())


def listed(words, most=12):
    """Words, each once, in the order in which they come."""
    words = list(dict.fromkeys(words))
    return " ".join(words[:most]) + (" …" if len(words) > most else "") or "none"


# ---- words or topics

TEXTS = 24


@demo(
    "model",
    MIXTURE,
    layer=Slider("Layer", 1, 4, value=1),
    rows=Choice("Rows of the map", ("classes of words", "kinds of text"), value="kinds of text"),
    start=Choice("Texts", ("the first 24", "24 others"), value="the first 24"),
)
def words_or_topics(layer, rows, start):
    """What tells a word's first expert: the kind of text it stands in, or the class of words it belongs to."""
    first = 0 if start == "the first 24" else 1000
    yield from routed_texts(first)
    texts = held_out(TEXTS, start=first)
    p = np.concatenate([probabilities(first + i)[layer - 1] for i in range(TEXTS)])  # (T, E)
    expert = p.argmax(1)  # (T,)
    kinds = [text.words[1] for text in texts for _ in text.words]
    classes = [class_of(word) for text in texts for word in text.words]
    shuffled = np.random.default_rng(0).permutation(len(classes))
    told = {
        "class of word": information(expert, classes),
        "kind of text": information(expert, kinds),
        "class, shuffled": information(expert, [classes[i] for i in shuffled]),
    }
    of = {"classes of words": classes, "kinds of text": kinds}[rows]
    names = [name for name in ((*CLASSES, "others") if rows == "classes of words" else KINDS) if name in of]
    share = np.array([[np.mean(expert[np.array(of) == name] == e) for e in range(EXPERTS)] for name in names])
    most = share.argmax(1)
    uncertain = information(expert, expert)
    yield (
        Matrix(
            (100 * share).round(),
            names,
            [str(e + 1) for e in range(EXPERTS)],
            "% of a row's words, by first expert",
            "key",
        ),
        Figure(
            [bars(list(told), list(told.values()), "told", "key", text=[f"{x:.2f}" for x in told.values()])],
            x_title="What one knows of a word",
            y_title="Nats told about its expert",
            alt=f"Layer {layer}: the first expert is uncertain by {uncertain:.2f} nats. The class of the word tells "
            f"{told['class of word']:.2f} of them, the kind of text {told['kind of text']:.2f}, shuffled classes "
            f"{told['class, shuffled']:.2f}.",
            height=260,
            yaxis={"range": [0, 1.15 * uncertain]},
            shapes=[rule(y=uncertain)],
            annotations=[label(1, uncertain, "all there is to know", yanchor="bottom")],
        ),
        Note(
            "Most of a row in one expert: "
            + ", ".join(f"{name} {100 * share[i, most[i]]:.0f} % in {most[i] + 1}" for i, name in enumerate(names))
            + "."
        ),
    )


KINDS = ("story", "facts", "song", "answer", "explain")


@cache
def probabilities(number, name=MIXTURE):
    """The routers' probabilities of held-out text `number`: (L, T, E)."""
    model, routes = lm.load(name), []

    def see(step, layer, value):
        if step == "router":
            routes.append(value)

    lm.forward(model, encode(held_out(1, start=number)[0].words), see=see)
    return np.array(routes, float)  # (L, T, E)


# ---- capacity

BATCH = 96
MANY = "words of 24 texts"
LONG = {  # numbers of held-out texts of 96 words or more
    "a story": (2044, 2389, 3086, 4639, 5164),
    "facts": (2314, 3272, 4345, 7284, 7645),
    "a song": (2217, 2265, 2333, 2502, 2956),
}


@demo(
    "model",
    MIXTURE,
    factor=Slider("Capacity factor", 0.5, 2.5, value=1.25, step=0.25),
    batch=Choice("The batch is", (MANY, *LONG), value="a song"),
    layer=Choice("Layer", LAYERS, value=1),
    seed=Seed("Which texts"),
)
def capacity_drops(factor, batch, layer, seed):
    """Choices that find room and choices that are dropped, in a batch of 96 words; the line is the capacity."""
    if batch == MANY:
        yield from routed_texts(0)
    chosen, _ = top_k_router(batch_of(batch, seed)[layer - 1], K)  # (T, k)
    C = expert_capacity(BATCH, EXPERTS, K, factor)
    room = within_capacity(chosen, EXPERTS, C)
    taken, dropped = (np.bincount(chosen[which], minlength=EXPERTS) for which in (room, ~room))
    number, most = list(range(1, EXPERTS + 1)), int((taken + dropped).max())
    lost = 100 * float(np.mean(~room))
    yield (
        Figure(
            [bars(number, taken, "found room", "key"), bars(number, dropped, "dropped", "error")],
            x_title="Expert",
            y_title="Choices",
            alt=f"Layer {layer}, {batch}, {BATCH} words, {K} choices each: an even share is {2 * BATCH // 8}, the "
            f"capacity {C}. The busiest expert is wanted {most} times; {lost:.1f} % of all choices are dropped.",
            height=280,
            barmode="stack",
            yaxis={"range": [0, 1.15 * max(C, most)]},
            xaxis={"dtick": 1},
            legend={"orientation": "h", "y": 1.2},
            shapes=[rule(y=C)],
        ),
        Metrics(
            ("Dropped", lost, "%", "of the choices in this layer"),
            ("Capacity", C, "choices", f"⌈{factor} · {K} · {BATCH} / {EXPERTS}⌉"),
            ("Busiest expert", EXPERTS * most / (K * BATCH), "× an even share"),
            ("Seats that stay empty", 100 * (1 - float(taken.sum()) / (EXPERTS * C)), "%", "computed all the same"),
        ),
    )


def routed_texts(first):
    """Progress while TEXTS texts from a number on are routed, a few at a time."""
    for i in range(TEXTS):
        probabilities(first + i)
        if i % 6 == 5:
            yield Progress(i + 1, TEXTS, "Routing")


def batch_of(batch, seed):
    """The routers' probabilities (L, T, E) of BATCH words: of one text, or drawn from TEXTS texts."""
    if batch != MANY:
        return probabilities(LONG[batch][seed % len(LONG[batch])])[:, :BATCH]
    pool = np.concatenate([probabilities(i) for i in range(TEXTS)], 1)
    return pool[:, np.random.default_rng(seed).integers(0, pool.shape[1], BATCH)]


def through(model, words, factor=None):
    """A mixture's logits (T, V) with the feed-forward layers of this page in the place of the kit's. With a factor,
    choices beyond the capacity of the text are dropped."""
    step = {}

    def see(name, layer, value):
        step[name] = value
        if name != "feed_output":
            return None
        chosen, weights = top_k_router(step["router"], K)
        if factor is not None:
            room = within_capacity(chosen, EXPERTS, expert_capacity(len(chosen), EXPERTS, K, factor))
            chosen = np.where(room, chosen, -1)
        return moe_layer(step["feed_input"], experts_of(model, layer), chosen, weights)

    return lm.forward(model, words, see=see)


def experts_of(model, layer):
    """The experts of a layer, each a function of (n, d) to (n, d)."""
    return [lambda x, e=e: expert(model, layer, e, x) for e in range(EXPERTS)]


def expert(model, layer, e, x):
    """SwiGLU, as in the house model's dense layers, but narrower."""
    gate, up, down = (model.weights[f"{layer}.{part}"][e] for part in ("gate", "up", "down"))
    return lm.linear(lm.silu(lm.linear(x, gate)) * lm.linear(x, up), down)


# ---- experts touched by a batch

BATCHES = (1, 2, 4, 8, 16, 32)
DRAWS = 400


@demo(
    "model",
    MIXTURE,
    B=LogSlider("Words in the batch", 1, 32, value=8),
    layer=Choice("Layer", LAYERS, value=4),
)
def touched_by_a_batch(B, layer):
    """Experts of a layer that a batch of words reads: by the formula, by words of many texts, by words in a row."""
    yield from routed_texts(0)
    mixed, row = touched(layer)
    chance = [experts_touched(EXPERTS, K, n) for n in BATCHES]
    at = BATCHES.index(B)
    yield (
        Figure(
            [
                line(BATCHES, chance, "by chance (formula)", "reference", "dash"),
                line(BATCHES, mixed, "words of many texts", "key", mode="lines+markers"),
                line(BATCHES, row, "words in a row", "output", "dot", mode="lines+markers"),
            ],
            x_title="Words in the batch",
            y_title="Experts read, of 8",
            alt=f"Layer {layer}. {counted(B, 'word')}: by the formula {chance[at]:.2f} experts, words of many texts "
            f"{mixed[at]:.2f}, in a row {row[at]:.2f}. "
            f"32 words: {chance[-1]:.2f}, {mixed[-1]:.2f}, {row[-1]:.2f}.",
            xaxis={"type": "log", "tickvals": list(BATCHES), "ticktext": [str(n) for n in BATCHES]},
            yaxis={"range": [0, 8.6]},
            legend={"orientation": "h", "y": 1.2},
            shapes=[rule(x=B, dash="dot")],
        ),
        Metrics(
            ("By chance", chance[at], "experts", f"8 · (1 − (6/8)^{B})"),
            ("Words of many texts", mixed[at], "experts", f"mean of {DRAWS} draws"),
            ("Words in a row", row[at], "experts", "mean of all places"),
        ),
    )


def touched(layer):
    """Mean number of experts read by batches of BATCHES words, drawn from TEXTS texts, and in a row: two lists."""
    texts = [top_k_router(probabilities(i)[layer - 1], K)[0] for i in range(TEXTS)]
    return counts_of([(chosen[:, :, None] == np.arange(EXPERTS)).any(1) for chosen in texts], np.random.default_rng(0))


def counts_of(marks, rng):
    """The same, of a list of marks (T, E): which experts each word of a text was sent to."""
    pool = np.concatenate(marks)
    mixed = [float(pool[rng.integers(0, len(pool), (DRAWS, n))].any(1).sum(1).mean()) for n in BATCHES]
    row = []
    for n in BATCHES:
        counts = [m[i : i + n].any(0).sum() for m in marks for i in range(len(m) - n + 1)]
        row.append(float(np.mean(counts)))
    return mixed, row


# ---- over ranks


@demo(
    "model",
    MIXTURE,
    N=LogSlider("Ranks", 1, 8, value=4),
    layer=Choice("Layer", LAYERS, value=1),
    once=Toggle("Send a word to a rank once, even for two experts there", value=True),
    seed=Seed("Which texts"),
)
def over_ranks(N, layer, once, seed):
    """One layer over N ranks: words travel to their experts and back; the line is an even share."""
    x, p = inputs_of(seed, layer - 1)  # (T, d), (T, E)
    chosen, weights = top_k_router(p, K)
    model = lm.load(MIXTURE)
    ranks = experts_of(model, layer - 1)
    whole = moe_layer(x, ranks, chosen, weights)
    parts = [np.array_split(a, N) for a in (x, chosen, weights)]
    ys, there, back, tokens = expert_parallel(*parts, ranks, once)
    work = np.bincount(chosen.ravel() // (EXPERTS // N), minlength=N)
    number = [f"rank {r}" for r in range(N)]
    return (
        Figure(
            [bars(number, work, "choices computed", "key", text=[str(int(w)) for w in work])],
            x_title="Rank",
            y_title="Choices that it computes",
            alt=f"{counted(N, 'rank')}, {counted(EXPERTS // N, 'expert')} on each, {BATCH} words, {K} choices a word: "
            + ", ".join(f"rank {r} computes {int(w)}" for r, w in enumerate(work))
            + f"; an even share is {2 * BATCH / N:.0f}.",
            height=240,
            yaxis={"range": [0, 1.2 * int(work.max())]},
            shapes=[rule(y=2 * BATCH / N)],
        ),
        Matrix(tokens, [f"from {r}" for r in range(N)], [f"to {r}" for r in range(N)],
               "Words to each rank; the diagonal stays"),
        Metrics(
            ("Ranks a word goes to", float(tokens.sum()) / BATCH, "",
             f"by chance {ranks_touched(EXPERTS, K, N):.2f}" if once else "once for each expert"),
            ("Sent by the busiest rank, there", max(there), "bytes", "rows · 96 numbers · 4 bytes"),
            ("and back", max(back), "bytes"),
            ("Busiest rank", float(work.max() * N / work.sum()), "× an even share", "the others wait for it"),
        ),
        Badge("Against the layer in one piece: max|Δ|", max_abs_difference(np.concatenate(ys), whole), 1e-5),
    )  # fmt: skip


def inputs_of(seed, layer):
    """What goes into a layer's experts, and its router's probabilities, of BATCH words of a few held-out texts: (T, d),
    (T, E)."""
    xs, ps, first = [], [], 50_000 + 100 * seed
    while sum(map(len, xs)) < BATCH:

        def see(name, i, value):
            if i == layer and name in ("feed_input", "router"):
                (xs if name == "feed_input" else ps).append(value)

        lm.forward(lm.load(MIXTURE), encode(held_out(1, start=first)[0].words), see=see)
        first += 1
    return np.concatenate(xs)[:BATCH], np.concatenate(ps)[:BATCH]
