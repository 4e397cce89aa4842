"""The house model's own backward pass, rounded on its way; and its matrices in blocks that share a scale."""

from functools import cache

import numpy as np

from topics.kit import (
    Badge,
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Seed,
    Toggle,
    bars,
    demo,
    lm,
    max_abs_difference,
    rule,
)
from topics.kit.model.autograd import Tensor, cross_entropy, gradients
from topics.kit.model.losses import floor
from topics.kit.model.outliers import with_outlier
from topics.kit.model.text import held_out, padded
from topics.kit.numerics import FORMATS, in_blocks, scaled_to, to_format

# ---- gradients


KINDS = {"FP16": ("FP16", "FP16"), "BF16": ("BF16", "BF16"), "E5M2, on the way back": (None, "E5M2")}
TOKENS = (128, 8192, 524_288)  # of a batch
LOW, HIGH = -64, 24  # of the histogram, as powers of two


@demo(
    "model",
    "target",
    S=LogSlider("Loss scale", 1, 2**36, value=1),
    kind=Choice("Numbers are rounded to", tuple(KINDS), value="FP16"),
    N=Choice("Tokens in the batch", TOKENS, value=TOKENS[-1]),
    whole=Toggle("Break it: norms and softmax in few bits, too"),
    seed=Seed("Texts"),
)
def scaled_loss(S, kind, N, whole, seed):
    """The gradients of the house model's loss, rounded at each step of the backward pass; the loss multiplied by S."""
    forward, backward = KINDS[kind]
    right, exact, counts = reference(seed)
    with np.errstate(all="ignore"):
        lost, loss, grads, fate = in_precision(two_texts(seed), forward, backward, S, N, whole)
        error = relative_error(grads, exact, S / N)
    form, shift = FORMATS[backward], np.log2(S / N)
    at = np.arange(LOW, HIGH) + 0.5  # (bins,)
    share = 100 * counted(counts, shift)
    least, top = form.finest - 1, np.log2(form.largest)
    parts = {
        f"below half of {backward}'s smallest step": (at < least, "error"),
        "kept, in fewer bits": ((at > least) & (at < form.finest + form.fraction), "reference"),
        "kept": ((at > form.finest + form.fraction) & (at < top), "gradient"),
        f"beyond {backward}'s end": (at > top, "cost"),
    }
    figure = Figure(
        [bars(at[inside], share[inside], name, ink) for name, (inside, ink) in parts.items() if share[inside].any()],
        x_title="Size of a gradient, as a power of two",
        y_title="Share of all gradients (%)",
        alt=f"All gradients on their way, from 2 to the {_low(share, at)} to 2 to the {_high(share, at)}, at loss "
        f"scale {S:,} and {N:,} tokens. "
        f"{share[at < least].sum():.0f} % lie below 2 to the {least}, where {backward} has 0. "
        f"Measured: {100 * fate[0]:.0f} % became zero; the weights' gradient is off by {_percent(error)}.",
        xaxis={"range": [LOW, HIGH]},
        yaxis={"range": [0, 12]},
        barmode="stack",
        bargap=0.1,
        legend={"orientation": "h", "y": 1.2},
        shapes=[rule(x=x) for x in (least, top) if LOW < x < HIGH],
    )
    return (
        figure,
        Metrics(
            ("Error of the weights' gradient", _percent(error), "", "|g − g of FP32| / |g of FP32|, all weights"),
            ("Became zero", round(100 * fate[0], 1), "%", "of the gradients on their way, when they were rounded"),
            ("Infinite or no number", round(100 * fate[1], 1), "%", "the step would be skipped"),
            ("Loss", loss, "nats", f"the same texts in FP32: {right:.4f}"),
        ),
        _verdict(kind, whole, error, fate, lost, loss, right),
    )  # fmt: skip


def _percent(error):
    return "no number" if not np.isfinite(error) else f"{100 * error:.0f} %" if error > 0.1 else f"{100 * error:.2g} %"


def _low(share, at):
    return int(np.floor(at[share > 0.05][0]))


def _high(share, at):
    return int(np.ceil(at[share > 0.05][-1]))


def _verdict(kind, whole, error, fate, lost, loss, right):
    if whole and loss > right + 0.5:
        return Note(
            f"In {lost:,} norms the sum of squares passed the end of {KINDS[kind][0]}. What is divided by infinity is "
            "zero, so the model knows nothing any more, at any loss scale.",
            "warning",
        )
    if not np.isfinite(error):
        return Note("Some gradient passed the end of the format. No weight can use the rest.", "warning")
    if error > 0.1:
        return Note(
            f"{100 * fate[0]:.0f} % of the gradients became zero on their way. Raise the loss scale.", "warning"
        )
    return Note("What is left of the error comes from rounding itself, not from zeros: a larger scale won't mend it.")


@cache
def two_texts(seed):
    """words, targets and which count, of two texts that no training has seen."""
    return padded(held_out(2, start=2 * seed))


@cache
def reference(seed):
    """In FP32: the loss of two_texts, the gradients of its sum over tokens, and how many gradients on the way lie in
    each power of two."""
    tensors, seen = {name: Tensor(w) for name, w in lm.load("target").weights.items()}, []

    def see(name, x):
        return Tensor(x.value, [(x, lambda g: seen.append(np.abs(g[g != 0])) or g)])

    loss, n = loss_of(two_texts(seed), tensors, see)
    grads = gradients(loss * np.float32(n), list(tensors.values()))
    powers = np.floor(np.log2(np.concatenate(seen))).astype(int)
    return float(loss.value), dict(zip(tensors, grads, strict=True)), np.bincount(powers + 200, minlength=300)


def counted(counts, shift):
    """Of each power of two LOW … HIGH the share of gradients, moved by `shift` powers; the ends hold what is beyond."""
    at = np.arange(-200, 100) + round(shift)
    share = np.zeros(HIGH - LOW)
    np.add.at(share, np.clip(at, LOW, HIGH - 1) - LOW, counts / counts.sum())
    return share


def loss_of(batch, tensors, passing):
    """The mean loss of a batch, and its tokens. What one step hands to the next goes through passing(name, x)."""
    words, targets, real = batch
    model = lm.load("target").with_weights({name: passing("weights", w) for name, w in tensors.items()})
    logits = passing("logits", lm.forward(model, words, see=lambda name, layer, x: passing(name, x)))
    return cross_entropy(logits, targets, real), int(real.sum())


def in_precision(batch, forward, backward, S, N, whole=False):
    """Loss and gradients with numbers rounded between steps: S times the mean loss of a batch of N tokens, of which
    `batch` is a part.

    whole    round within steps too: in norms, softmax and the rest, each operation
    returns  in how many norms the sum of squares would pass the format's end, the loss, {name: S · gradient}, and of
             the gradients on their way the shares that became zero, and that were no finite numbers
    """
    tensors = {name: Tensor(w) for name, w in lm.load("target").weights.items()}
    seen, far = np.zeros(3), [0]

    def passing(name, x):
        y = rounded_both_ways(x, forward, backward, seen)
        if whole and forward:
            if name == "residual":  # what the next norm reads
                far[0] += int((np.square(x.value, dtype=float).sum(-1) > FORMATS[forward].largest).sum())
            return Narrow(y.value, y.parents, (forward, backward))
        return y

    loss, n = loss_of(batch, tensors, passing)
    grads = gradients(loss * np.float32(S * n / N), list(tensors.values()))
    return far[0], float(loss.value), dict(zip(tensors, grads, strict=True)), seen[1:] / max(seen[0], 1)


def rounded_both_ways(x, forward, backward, seen):
    """x rounded to a format; and its gradient to another when it comes back. None: not rounded.

    seen  [gradients that were not zero, of them those that became zero, those that are not finite], counted up
    """

    def back(g):
        y = to_format(g, backward)
        seen[:] += np.count_nonzero(g), np.count_nonzero((y == 0) & (g != 0)), np.count_nonzero(~np.isfinite(y))
        return y

    return Tensor(to_format(x.value, forward) if forward else x.value, [(x, back)])


class Narrow(Tensor):
    """A Tensor all of whose operations round their results, and on the way back their gradients."""

    __slots__ = ("formats",)

    def __init__(self, value, parents, formats):
        super().__init__(value, parents)
        self.formats = formats

    def __array_ufunc__(self, *call, **options):
        return self.rounded(super().__array_ufunc__(*call, **options))

    def __array_function__(self, *call):
        return self.rounded(super().__array_function__(*call))

    def __getitem__(self, index):
        return self.rounded(super().__getitem__(index))

    def rounded(self, y):
        if not isinstance(y, Tensor):
            return y
        forward, backward = self.formats
        return Narrow(
            to_format(y.value, forward), [(x, _rounding(vjp, backward)) for x, vjp in y.parents], self.formats
        )


def _rounding(vjp, name):
    return lambda g: to_format(vjp(to_format(g, name)), name)


def relative_error(grads, exact, factor):
    """|g/factor − exact| / |exact|, all weights together."""
    off = sum(float(((grads[name].astype(float) / factor - exact[name]) ** 2).sum()) for name in exact)
    return (off / sum(float((exact[name].astype(float) ** 2).sum()) for name in exact)) ** 0.5


@cache
def lost_to(S, kind="FP16", whole=False):
    """For the page's text, at the defaults: the share of gradients that became zero, the weights' error, the loss."""
    forward, backward = KINDS[kind]
    with np.errstate(all="ignore"):
        _, loss, grads, fate = in_precision(two_texts(0), forward, backward, S, TOKENS[-1], whole)
        return float(fate[0]), relative_error(grads, reference(0)[1], S / TOKENS[-1]), loss


# ---- blocks


def _one_scale(name):
    return lambda x: scaled_to(x, name)


def _blocks(kind):
    return lambda x: in_blocks(x, kind)


WAYS = {
    "FP32": lambda x: x,
    "E4M3, one scale": _one_scale("E4M3"),
    "MXFP8": _blocks("MXFP8"),
    "E2M1, one scale": _one_scale("E2M1"),
    "MXFP4": _blocks("MXFP4"),
    "NVFP4": _blocks("NVFP4"),
}


@demo(
    "model",
    "target",
    k=LogSlider("One channel made larger", 1, 256, value=1, unit="times"),
    seed=Seed("Texts"),
)
def shared_scales(k, seed):
    """Inputs and weights of all matrices in few bits, with one scale for all or for a block: what the model loses."""
    losses = shares(k, seed)
    names, heights = list(losses), list(losses.values())
    bits = {"FP32": "32", "E4M3, one scale": "8", "MXFP8": "8.25", "E2M1, one scale": "4", "MXFP4": "4.25",
            "NVFP4": "4.5"}  # fmt: skip
    text = padded(held_out(1, start=3 * seed))[0]
    model = lm.load("target")
    plain, larger = (lm.forward(each, text) for each in (model, with_outlier(model, k)))
    return (
        Figure(
            [bars(names, heights, "above the floor", "error", text=[f"{x:.3f}" for x in heights])],
            y_title="Loss above the floor (nats a word)",
            alt=f"One channel {k} times larger. Above the floor: "
            + ", ".join(f"{name} {x:.3f}" for name, x in losses.items())
            + " nats a word.",
            yaxis={"range": [min(0, 1.2 * min(heights)), 1.2 * max(0.1, *heights)]},
        ),
        Metrics(*((name, bits[name], "bits a number") for name in names[1:])),
        Badge("FP32, one channel larger or not: max|Δ| of the logits", max_abs_difference(plain, larger), 1e-4),
        Note("The matrices are the layers' own, 28 of them. Embedding, output, norms and attention stay in FP32."),
    )  # fmt: skip


@cache
def shares(k, seed=0):
    """Nats a word above the floor, on three texts, in each of WAYS."""
    texts, model = held_out(3, start=3 * seed), with_outlier(lm.load("target"), k)
    return {name: loss_in(model, padded(texts), way) - floor(texts) for name, way in WAYS.items()}


READ = ("attention_input", "heads", "feed_input", "feed_hidden")  # what matrices multiply


def loss_in(model, batch, way):
    """Nats a word when the matrices' weights and inputs are held as `way` holds them."""
    words, targets, real = batch
    few = {name: way(w) for name, w in model.weights.items() if name[0].isdigit() and w.ndim == 2}

    def see(name, layer, x):
        if name == "heads":  # (..., H, D): the output matrix multiplies all heads as one row
            return way(x.reshape(*x.shape[:-2], -1)).reshape(x.shape)
        return way(x) if name in READ else None

    return float(cross_entropy(lm.forward(model.with_weights(few), words, see=see), targets, real))
