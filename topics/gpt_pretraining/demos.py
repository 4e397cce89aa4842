"""What the page on GPT pretraining shows of the reader's own text: a GPT that learns it, and tokens made from it."""

from functools import cache
from itertools import islice

import numpy as np

from topics.gpt_pretraining.readers_text import (
    GAPS,
    LABELS,
    STORY,
    T_SMALL,
    held_out_loss,
    labelled,
    parted,
    small_gpt,
    spread,
    table_losses,
    written,
)
from topics.gpt_pretraining.runs import RATES_OF
from topics.kit import (
    Choice,
    Figure,
    Metrics,
    Note,
    Progress,
    Seed,
    Slider,
    Table,
    Text,
    Tokens,
    demo,
    label,
    line,
    rule,
)
from topics.kit.model.bpe import (
    END,
    FIRST,
    bpe_encode,
    bpe_train,
    gpt2_merges,
    merged,
    pieces,
    spelled,
)
from topics.kit.model.training import matrices_of, next_token_loss, paced, train, windows

# ---- learning

JUDGED, SAMPLED = 10, 40  # every so many steps


@demo(
    "live",
    text=Text("Your text", STORY, limit=8000, lines=8),
    labels=Choice("What it is taught to predict", LABELS, value=LABELS[0]),
    optimizer=Choice("Optimiser", tuple(RATES_OF), value="Muon"),
    d=Choice("Width", (32, 48, 64), value=32),
    steps=Slider("Steps", 40, 400, value=120, step=40),
    seed=Seed(),
)
def learn_your_text(text, labels, optimizer, d, steps, seed):
    """A GPT learns a text from nothing: its loss, beside that of counted tables, and what it writes as it learns."""
    signs, numbers = spread(text)
    return learning(signs, numbers, labels, optimizer, d, steps, np.random.default_rng(seed))


def learning(signs, numbers, labels, optimizer, d, steps, rng):
    """The views of learn_your_text, step by step."""
    seen, held = parted(numbers)
    tables = table_losses(seen, held, len(signs))
    start = small_gpt(len(signs), d, rng)
    losses, judged = [], [(0, held_out_loss(start, held))]
    samples = [(0, judged[0][1], written(start, signs, rng))]

    def looked_at(run):
        for step in run:
            losses.append(step.loss)
            if step.t % JUDGED == 0:
                model = start.with_weights(step.weights)
                judged.append((step.t, held_out_loss(model, held)))
                if step.t % SAMPLED == 0:
                    samples.append((*judged[-1], written(model, signs, rng)))
            yield step

    batches = labelled(windows(seen, T_SMALL, 8, rng), GAPS[labels])
    muon = matrices_of(start) if optimizer == "Muon" else ()
    run = train(start.weights, next_token_loss(start), islice(batches, steps), RATES_OF[optimizer], muon=muon)
    for step in paced(looked_at(run), 600):
        yield Progress(step.t, steps, "Training"), *_learning_views(losses, judged, samples, tables, len(signs), steps)


def _learning_views(losses, judged, samples, tables, V, steps):
    t, (single, pairs) = len(losses), tables
    at, held = zip(*judged, strict=True)
    even = float(np.log(V))
    marks = ((even, f"knows nothing: ln {V}"), (single, "counts characters"), (pairs, "counts pairs"))
    passed = next((step for step, loss in judged if loss < pairs), None)
    figure = Figure(
        [
            line(np.arange(1, t + 1), losses, "learnt from", "reference", "dot"),
            line(at, held, "held out", "error", mode="lines+markers"),
        ],
        x_title="Step",
        y_title="Loss (nats a character)",
        alt=f"After {t} steps the held-out loss is {held[-1]:.2f} nats a character, from {held[0]:.2f}; on the text it "
        f"learns from {losses[-1]:.2f}. Knowing nothing costs {even:.2f}, counted characters {single:.2f}, counted "
        f"pairs {pairs:.2f}.",
        height=340,
        xaxis={"range": [0, steps]},
        yaxis={"range": [0, even + 1]},
        shapes=[rule(y=y) for y, _ in marks],
        annotations=[
            label(steps, y, text, xanchor="right", yanchor="bottom", bgcolor="rgba(0,0,0,0)") for y, text in marks
        ],
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    return (
        figure,
        Metrics(
            ("Held-out loss", held[-1], "nats"),
            ("Counted pairs", pairs, "nats"),
            ("Past the pairs", f"step {passed}" if passed else "not yet", ""),
            ("Kinds of character", V, ""),
        ),
        Table(
            ("Step", "Held-out loss", "What it writes"),
            [(step, f"{loss:.2f}", sample.replace("\n", " ↵ ")) for step, loss, sample in samples[-5:]],
        ),
    )


# ---- tokens

MOST_MERGES = 200
LINE = "The keeper lit the lamp 1234567 times, said strawberry and SolidGoldMagikarp."


@demo(
    "instant",
    "gpt2.merges",
    n=Slider("Merges", 0, MOST_MERGES, value=60, step=10),
    text=Text("Text to learn merges from", STORY[:1150], limit=1500, lines=6),
    cut=Text("Line to cut", LINE, limit=160, examples=("naïve café 東京 🦉", "    return x == 42")),
)
def cut_into_tokens(n, text, cut):
    """A text in characters, bytes, merges learnt from another text, and GPT-2's own tokens."""
    merges, lengths = learnt(text)
    mine = dict(islice(merges.items(), n))
    gpt2 = gpt2_merges()
    ways = (bpe_encode(cut, mine), bpe_encode(cut, gpt2, FIRST))
    n = len(mine)
    marked = _names(ways[0], spelled(mine)), _names(ways[1], _spelled_gpt2())
    figure = Figure(
        [line(np.arange(len(lengths)), lengths, "your merges", "key")],
        x_title="Merges learnt",
        y_title="Tokens of the text they are learnt from",
        alt=f"The text has {lengths[0]:,} bytes. With {n} merges it is {lengths[n]:,} tokens, with all "
        f"{len(merges)} of them {lengths[-1]:,}; GPT-2's 50,000 merges make {gpt2_tokens(text):,}.",
        height=260,
        yaxis={"range": [0, 1.08 * max(lengths[0], 1)]},
        xaxis={"range": [0, max(len(merges), 1)]},
        shapes=[rule(y=gpt2_tokens(text)), rule(x=n, dash="dot")],
        annotations=[label(max(len(merges), 1), gpt2_tokens(text), "GPT-2", xanchor="right", yanchor="top")],
    )
    new = f" Merge {n} joins {_joined(merges, n)}." if n else ""
    return (
        Tokens(marked[0], None, "key", f"{len(ways[0])} tokens with {n} merges."),
        Tokens(marked[1], None, "output", f"{len(ways[1])} tokens of GPT-2."),
        Table(
            ("The line in", "tokens", "kinds there are"),
            [
                ("characters", len(cut), "all of Unicode"),
                ("bytes", len(cut.encode(errors="replace")), 256),
                ("words, signs and numbers", len(pieces(cut)), "as many as one meets"),
                (f"bytes and {n} merges", len(ways[0]), 256 + n),
                ("GPT-2's tokens", len(ways[1]), END + 1),
            ],
        ),
        figure,
        Note(f"A dot is a blank; bytes that are no whole character are written as numbers.{new}"),
        Table(
            ("GPT-2's token", "its number", "its bytes"),
            [(name, token, _spelled_gpt2()[token].hex(" ")) for name, token in zip(marked[1], ways[1], strict=True)][
                :60
            ],
            "What the model is given is the number; bytes are in hexadecimal.",
        ),
    )


@cache
def learnt(text):
    """Merges learnt from a text, and how many tokens it has after 0, 1, 2, … of them."""
    merges = bpe_train(text, MOST_MERGES)
    words = [list(piece.encode(errors="replace")) for piece in pieces(text)]
    lengths = [sum(map(len, words))]
    for pair, token in merges.items():
        words = [merged(word, pair, token) if pair[0] in word else word for word in words]
        lengths.append(sum(map(len, words)))
    return merges, lengths


@cache
def _spelled_gpt2():
    return spelled(gpt2_merges(), FIRST)


@cache
def gpt2_tokens(text):
    """How many tokens of GPT-2 a text has."""
    return len(bpe_encode(text, gpt2_merges(), FIRST))


def _names(tokens, spelling):
    return [readable(spelling[token]) for token in tokens]


def readable(raw):
    """A token's bytes as a reader can see them: a dot for a blank, numbers for what is no whole character."""
    try:
        return raw.decode().replace(" ", "·").replace("\n", "↵")
    except UnicodeDecodeError:
        return "".join(f"‹{byte}›" for byte in raw)


def _joined(merges, n):
    (left, right), token = list(merges.items())[n - 1]
    spelling = spelled(merges)
    return f"“{readable(spelling[left])}” and “{readable(spelling[right])}” to “{readable(spelling[token])}”"
