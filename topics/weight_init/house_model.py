"""The house model before it has learnt anything: five ways to begin, beside what training made of it."""

from functools import cache

import numpy as np

from topics.kit import Choice, Figure, LogSlider, Metrics, Note, Seed, Slider, demo, label, line, lm, rule, softmax
from topics.kit.model.losses import loss
from topics.kit.model.text import encode, held_out
from topics.kit.model.training import new_model
from topics.kit.page.words import counted, short
from topics.weight_init.method import rms

TEXTS = 4  # held-out texts to a measurement
OTHERS = ("1/√fan-in", "0.02")
ADDS = ("/ √(2L)", "as large as the others", "zero")


@demo(
    "model",
    "target",
    embedding=LogSlider("Embedding's standard deviation", 0.0125, 0.8, value=0.2),
    others=Choice("Other matrices", OTHERS, value=OTHERS[0]),
    adds=Choice("Those that add to the stream", ADDS, value=ADDS[0]),
    L=Slider("Layers", 1, 12, value=4),
    seed=Seed(),
)
def before_training(embedding, others, adds, L, seed):
    """A model of the house's form that has learnt nothing: its first loss, and how its stream grows."""
    texts, trained = held_out(TEXTS), lm.load("target")
    model = beginner(L, embedding, others, adds, seed)
    fresh, learnt = looked_at(model, texts), looked_at_trained()
    first, even = loss(model, texts), float(np.log(model.V))
    figure = Figure(
        [
            line(np.arange(L + 1), fresh["stream"], "fresh", "output", mode="lines+markers"),
            line(np.arange(trained.L + 1), learnt["stream"], "trained", "reference", "dash", mode="lines+markers"),
        ],
        x_title="Layer (0: the embedding)",
        y_title="Size of the stream",
        alt=f"Fresh model of {counted(L, 'layer')}: its stream begins at {short(fresh['stream'][0])} and ends at "
        f"{short(fresh['stream'][-1])}. The trained one goes from {short(learnt['stream'][0])} to "
        f"{short(learnt['stream'][-1])} in 4 layers. First loss {first:.2f}, guessing {even:.2f}.",
        height=280,
        xaxis={"range": [-0.2, 1.25 * max(L, 4)], "dtick": 1 if L <= 6 else 2},
        yaxis={"type": "log", "range": [-2, 2.7], "exponentformat": "power"},
        showlegend=False,
        shapes=[rule(y=1, dash="dot")],
        annotations=[label(n, np.log10(sizes[-1]), name, xanchor="left", xshift=8)
                     for n, sizes, name in ((L, fresh["stream"], "fresh"), (4, learnt["stream"], "trained"))],
    )  # fmt: skip
    return (
        figure,
        Metrics(
            ("First loss", first, "nats a word", f"guessing all {model.V} words alike: ln {model.V} = {even:.2f}"),
            ("Chance given to the word just read", 100 * fresh["again"], "%", f"guessing: {100 / model.V:.2f} %"),
            ("Scores in layer 1, standard deviation", fresh["scores"], "", f"trained: {short(learnt['scores'])}"),
            ("Layers add to the stream", fresh["stream"][-1] / fresh["stream"][0], "×", "its size at the end over that "
             "of the embedding"),
        ),
        Note(_said(first - even, fresh["scores"], adds)),
    )  # fmt: skip


def beginner(L, embedding=0.2, others=OTHERS[0], adds=ADDS[0], seed=0):
    """A model of the house's widths and L layers, all weights as they begin."""
    t = lm.load("target")
    model = new_model(np.random.default_rng(seed), t.V, t.d, L, t.H, t.D, t.F, embedding=embedding)
    changed = {}
    for name, W in model.weights.items():
        if np.ndim(W) == 1 or name == "embedding":
            continue
        on_stream = name.endswith((".o", ".down"))
        scale = 0.02 * W.shape[1] ** 0.5 if others == OTHERS[1] else 1.0
        if on_stream:  # new_model has divided these by √(2L) already
            scale *= {ADDS[0]: 1.0, ADDS[1]: (2 * L) ** 0.5, ADDS[2]: 0.0}[adds]
        changed[name] = (W * scale).astype(np.float32)
    return model.with_weights(changed)


def looked_at(model, texts):
    """Means over texts: sizes of the stream (L+1,), the probability of the word just read, once more, and the
    standard deviation of layer 1's scores."""
    streams, again, scores = [], [], []
    for each in texts:
        words, sizes = encode(each.words)[:-1], []

        def see(name, layer, value, sizes=sizes):
            if name == "attention_input" and layer == 0:
                sizes.append(None)  # the embedding is measured below
            if name == "residual":
                sizes.append(rms(value))
            if name == "scores" and layer == 0:
                below = np.tri(value.shape[-1], dtype=bool)
                scores.append(float(value[..., below].std()))

        out = lm.forward(model, words, see=see)
        sizes[0] = rms(model.weights["embedding"][words])
        streams.append(sizes)
        again.append(float(softmax(out.astype(float))[np.arange(len(words)), words].mean()))
    return {"stream": np.mean(streams, 0), "again": float(np.mean(again)), "scores": float(np.mean(scores))}


@cache
def looked_at_trained():
    return looked_at(lm.load("target"), held_out(TEXTS))


def _said(over, scores, adds):
    said = "It begins near ln V: all words seem alike." if over < 0.15 else (
        f"It begins {over:.1f} nats above guessing. The matrix that gives the logits is the embedding, too, so a "
        "word's own logit is large as long as little is added to it.")  # fmt: skip
    if adds == ADDS[2]:
        return said + " Every layer is the identity."
    return said + (" Its attention begins even." if scores < 0.1 else "")


@cache
def first_loss(embedding=0.2, others=OTHERS[0], adds=ADDS[0], seed=0):
    """For the page's text: nats a word before training, of 4 layers."""
    return loss(beginner(4, embedding, others, adds, seed), held_out(TEXTS))
