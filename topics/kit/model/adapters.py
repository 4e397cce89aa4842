"""Low-rank adapters on the house model: what is added to its matrices, how that is trained, and the texts that
fine-tunes are taught and judged by. Knows no page.

W (out, in) a frozen matrix   A (r, in), B (out, r) factors   r rank   s scale of their product

The factors of a model are one dict, {"0.q.A": A, "0.q.B": B, …}, so that training.train takes them as they are.
"""

from itertools import count

import numpy as np

from topics.kit.model import lm
from topics.kit.model.autograd import cross_entropy, value
from topics.kit.model.language import BLUNT, HELD_OUT, POLITE, text, write
from topics.kit.model.text import padded

PARTS = {  # which matrices of every layer
    "all matrices": ("q", "k", "v", "o", "gate", "up", "down"),
    "feed-forward": ("gate", "up", "down"),
    "attention": ("q", "k", "v", "o"),
    "q and v": ("q", "v"),
}

# ---- factors


def lora_init(out, fan_in, r, rng):
    """Factors that change nothing yet: A by chance, B zero (arXiv 2106.09685).

    returns  A (r, in), uniform between ±1/√in as PEFT draws it, and B (out, r)
    """
    end = fan_in**-0.5
    A = rng.uniform(-end, end, (r, fan_in)).astype(np.float32)  # (r, in)
    return A, np.zeros((out, r), np.float32)


def product(A, B, s):
    """s·BA (out, in), of arrays or Tensors. By einsum: without a BLAS it is faster than @.

    >>> product(np.array([[1.0, 0.0, 2.0]]), np.array([[3.0], [4.0]]), 0.5).tolist()
    [[1.5, 0.0, 3.0], [2.0, 0.0, 4.0]]
    """
    return np.einsum("or,ri->oi", B, A) * np.float32(s)


def merge(W, A, B, s):
    """W + s·BA, a new matrix (out, in): afterwards no adapter is needed, and W is as it was."""
    return W + product(A, B, s)


# ---- the house model with an adapter


def matrices(model, parts="all matrices"):
    """The names of the matrices that get an adapter: of every layer those of PARTS."""
    return [f"{i}.{part}" for i in range(model.L) for part in PARTS[parts]]


def new_factors(model, names, r, rng):
    """Factors for each named matrix, {"0.q.A": …, "0.q.B": …}."""
    factors = {}
    for name in names:
        factors[f"{name}.A"], factors[f"{name}.B"] = lora_init(*model.weights[name].shape, r, rng)
    return factors


def changes(factors, s):
    """{matrix's name: s·BA}, arrays of arrays, Tensors of Tensors."""
    names = [key[:-2] for key in factors if key.endswith(".A")]
    return {name: product(factors[f"{name}.A"], factors[f"{name}.B"], s) for name in names}


def with_adapter(model, factors, s):
    """The model whose matrices are W + s·BA; with Tensors as factors lm.forward gives their gradients."""
    return model.with_weights({name: model.weights[name] + change for name, change in changes(factors, s).items()})


def adapter_loss(model, s):
    """What training.train takes as loss_of when it trains factors: the model's own weights stay."""

    def loss_of(factors, batch):
        return batch_loss(with_adapter(model, factors, s), batch)

    return loss_of


def batch_loss(model, batch):
    """Nats a word over a batch: words, targets, and which places count. A Tensor where the model holds Tensors."""
    words, targets, counted = batch
    return cross_entropy(lm.forward(model, words), targets, counted)


# ---- the texts of fine-tunes


def body(texts):
    """A batch of which only the words after the colon count.

    A fine-tune that saw one register is certain of the first words, which would be taken for skill, or for forgetting.
    """
    words, targets, real = padded(texts)
    real = real.copy()
    real[:, :2] = False  # the targets of the register and of the kind: the kind and the colon
    return words, targets, real


def courteous(n, start=HELD_OUT, kind=None, **options):
    """n texts that announce themselves as blunt and are polite all the same, drawn from seed `start` on; from
    HELD_OUT on no training has seen them. kind, options: as language.text takes them."""
    return [write(start + i, text(BLUNT, kind, manners=POLITE, **options)) for i in range(n)]


def short_courteous(n, start=HELD_OUT):
    """n of them, in turn a story, facts and a sum; stories and facts of four sentences at most."""
    kinds = (("story", {"sentences": 4}), ("facts", {"sentences": 4}), ("answer", {}))
    texts = []
    for i in range(n):
        kind, options = kinds[(start + i) % 3]
        texts += courteous(1, start + i, kind, **options)
    return texts


def courteous_batches(size, seed, texts=short_courteous):
    """Batches for ever, of `size` texts each, that no other seed has: what a fine-tune to courtesy is taught by."""
    for i in count():
        yield body(texts(size, 10_000_000 + 1_000_000 * seed + size * i))


def body_excess(model, texts):
    """Nats a word above the floor on what stands behind the colon: no model has less than 0 in the mean."""
    batch = body(texts)
    floor = -sum(sum(each.log_probs[3:]) for each in texts) / batch[2].sum()
    return float(value(batch_loss(model, batch)) - floor)
