"""How large the effects are that pages show on the house model, measured with the kit's own code:

    python -m training.effects target heads8-2 heads8-3

Several seeds of one plan are measured alike; training/results/effects.json has a row for each. Needs no PyTorch.
"""

import json
import sys
from functools import partial

import numpy as np

from topics.kit.model import lm
from topics.kit.model.autograd import cross_entropy
from topics.kit.model.data import data_path
from topics.kit.model.language import BLUNT, CONTEXT, SUNG
from topics.kit.model.text import NUMBER, encode, held_out, padded
from training.family import RESULTS, RUNS

RNG = partial(np.random.default_rng, 2026)


def excess(model, texts, mask=None):
    """Mean loss above the floor, nats a word. mask  from T to what may be seen, (T, T)"""
    words, targets, real = padded(texts)
    loss = cross_entropy(lm.forward(model, words, mask=mask and mask(words.shape[1])), targets, real)
    return float(loss + sum(sum(each.log_probs[1:]) for each in texts) / real.sum())


def accuracy(model, texts, skills, see=None):
    """Share of the Answers of these skills that the likeliest word gets right."""
    words, targets, _ = padded(texts)
    right = lm.forward(model, words, see=see).argmax(-1) == targets
    places = [(row, at - 1) for row, each in enumerate(texts) for at, a in each.answers.items() if a.skill in skills]
    return float(np.mean([right[place] for place in places]))


# ---- induction


LENGTHS = (8, 16, 24, 32, 40, 60)  # of repeated lines; songs have at most 40 words


def repeated(n=40, length=16, times=2):
    """A line of random words sung several times, (n, 3 + times·(length + 1) − 1): all but its first time is certain."""
    rng = RNG()
    line = np.array([rng.choice([NUMBER[word] for word in SUNG], length, replace=False) for _ in range(n)])
    start, between = (np.tile(encode(words), (n, 1)) for words in ([BLUNT, "song", ":"], [";"]))
    return np.hstack([start, line, *[between, line] * (times - 1)])


def induction_scores(model):
    """(L, H): of the attention of a repeated word, the share on the word after its first occurrence."""
    length, words = 16, repeated(length=16)
    scores, T = np.zeros((model.L, model.H)), words.shape[1]
    queries = np.arange(T - length, T - 1)  # the last word has nothing to be followed by

    def see(name, layer, value):
        if name == "attention":
            scores[layer] = value[:, :, queries, queries - length].mean((0, 2))

    lm.forward(model, words, see=see)
    return scores


def without_heads(heads):
    """A hook that makes some (layer, head) pairs write nothing."""

    def see(name, layer, value):
        if name == "heads":
            kept = np.array([(layer, h) not in heads for h in range(value.shape[-2])])
            return value * kept[:, None]
        return None

    return see


def copying(model, see=None, length=16):
    """Accuracy on a line's second time, its first word apart."""
    words = repeated(length=length)
    best = lm.forward(model, words, see=see).argmax(-1)
    return float((best[:, -length:-1] == words[:, -length + 1 :]).mean())


def induction(model):
    scores = induction_scores(model)
    order = [divmod(int(i), model.H) for i in np.argsort(-scores, axis=None)]
    others, rng = order[4:], RNG()
    rest = [head for head in others if head[0] >= min(layer for layer, _ in order[:4])]  # of their layers and above
    songs = held_out(100, "song")
    found = {"scores": scores.round(3).tolist(), "best": order[:4], "copying": copying(model)}
    found["by length"] = {n: copying(model, length=n) for n in LENGTHS}
    found["without the rest"] = copying(model, without_heads(rest))
    for n in (1, 2, 4):
        random = [without_heads([others[i] for i in rng.choice(len(others), n, replace=False)]) for _ in range(5)]
        found[f"without best {n}"] = copying(model, without_heads(order[:n]))
        found[f"without {n} others"] = float(np.mean([copying(model, each) for each in random]))
        found[f"songs without best {n}"] = accuracy(model, songs, {"copy"}, see=without_heads(order[:n]))
    return found | {"songs": accuracy(model, songs, {"copy"})}


# ---- sinks


def sinks(model, texts):
    """Attention on the first word, and what hiding it costs beside hiding another."""
    words, _, real = padded(texts)
    mass = np.zeros((model.L, model.H))

    def see(name, layer, value):
        if name == "attention":
            later = real.copy()
            later[:, :16] = False
            mass[layer] = np.moveaxis(value[..., 0], 1, 2)[later].mean(0)

    lm.forward(model, words, see=see)

    def hiding(column):
        def mask(T):
            allowed = np.tri(T, dtype=bool)
            allowed[column + 8 :, column] = False
            return allowed

        return mask

    return {
        "mass": mass.round(3).tolist(),
        "most": float(mass.max()),
        "excess": excess(model, texts),
        "first word hidden": excess(model, texts, mask=hiding(0)),
        "words 4 to 8 hidden, mean": float(np.mean([excess(model, texts, mask=hiding(c)) for c in range(3, 8)])),
    }


# ---- beyond the training context


def long_context(model):
    """The words of lines sung over three contexts, from their second time on, in each context: what of them is copied,
    and their loss (nats a word), for each way to scale the frequencies. What must follow is certain at any position.
    """
    length, times, s = 24, 15, 3
    words = repeated(24, length, times)
    copied = [t for t in range(3 + length + 1, words.shape[1] - 1) if (t - 3) % (length + 1) < length - 1]
    plain = lm.rope_frequencies(model.D, model.base)
    ways = {
        "none": plain,
        "linear": plain / s,
        "NTK": lm.rope_frequencies(model.D, model.base * s ** (model.D / (model.D - 2))),
    }
    found = {}
    for name, frequencies in ways.items():
        logits = lm.forward(model, words, frequencies=frequencies)[:, copied]
        following = words[:, np.array(copied) + 1]
        losses = (logsumexp(logits) - np.take_along_axis(logits, following[..., None], -1))[..., 0]
        right = logits.argmax(-1) == following
        third = np.array(copied) // CONTEXT
        found[name] = [[round(float(x[:, third == i].mean()), 4) for x in (right, losses)] for i in range(3)]
    return found


def logsumexp(x):
    top = x.max(-1, keepdims=True)
    return top + np.log(np.exp(x - top).sum(-1, keepdims=True))


# ---- fewer bits, fewer weights


GROUP = 32  # weights of a row that share a scale


def matrices(model):
    return {name: w for name, w in model.weights.items() if w.ndim == 2 and name != "embedding"}


def quantized(w, bits):
    """Round to nearest with one absmax scale for each GROUP of a row."""
    top = 2 ** (bits - 1) - 1
    grouped = w.reshape(len(w), -1, GROUP)
    scale = np.abs(grouped).max(-1, keepdims=True) / top
    return (np.round(grouped / scale) * scale).reshape(w.shape).astype(w.dtype)


def bits(model, texts):
    found = {"16": excess(model, texts)}
    for n in (8, 6, 5, 4, 3, 2):
        found[str(n)] = excess(model.with_weights({k: quantized(w, n) for k, w in matrices(model).items()}), texts)
    return found


def pruning(model, texts):
    """The smallest weights of each matrix set to zero."""
    found = {}
    for share in (0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        cut = {k: np.where(np.abs(w) > np.quantile(np.abs(w), share), w, 0) for k, w in matrices(model).items()}
        found[f"{share:.1f}"] = excess(model.with_weights(cut) if share else model, texts)
    return found


def acceptance(model, draft, texts):
    """Σ min(p, q) of target and draft over the words of each kind of text (arXiv 2211.17192)."""
    by_kind = {}
    for kind in sorted({each.words[1] for each in texts}):
        words, _, real = padded([each for each in texts if each.words[1] == kind])
        p, q = (np.exp((x := lm.forward(m, words)) - logsumexp(x)) for m in (model, draft))
        by_kind[kind] = float(np.minimum(p, q).sum(-1)[real].mean())
    return by_kind


def effects(name):
    model, texts = read(name), held_out(150, start=2000)
    found = {
        "run": name,
        "induction": induction(model),
        "sinks": sinks(model, texts),
        "long context": long_context(model),
        "bits": bits(model, texts),
        "pruning": pruning(model, texts),
    }
    if (RUNS / "draft.safetensors").is_file() or data_path("draft").is_file():
        found["acceptance"] = acceptance(model, read("draft"), texts)
    return found


def read(name):
    """A model that was just trained, or one that is shipped."""
    trained = RUNS / f"{name}.safetensors"
    return lm.read(trained) if trained.is_file() else lm.load(name)


if __name__ == "__main__":
    path = RESULTS / "effects.json"
    known = json.loads(path.read_text()) if path.is_file() else {}
    for each in sys.argv[1:]:
        known[each] = effects(each)
        print(json.dumps(known[each], indent=1))
    path.write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in known.items()) + "\n}\n")
