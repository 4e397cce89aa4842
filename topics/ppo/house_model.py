"""What the page on PPO shows with the house model: several epochs on one batch of answers, and answers that a model
with rounded weights gave."""

import numpy as np

from topics.kit import Choice, Figure, Metrics, Note, Progress, Seed, Slider, Table, demo, line, lm, rule
from topics.kit.model.autograd import value
from topics.kit.model.policy import (
    between,
    checked,
    log_probs,
    log_softmax_at,
    right,
    rollout,
    sums,
    trainable,
)
from topics.kit.model.text import encode
from topics.kit.model.training import train
from topics.kit.numerics import in_blocks, scaled_to, to_format
from topics.kit.page.words import short
from topics.ppo.method import clip_fraction, policy_loss, ppo_loss, truncated_weight, whitened

NAMED = {"legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, "showlegend": True}

# ---- several epochs on one batch

ANSWERS, LONGEST, DIGITS = 48, 40, 3
WAYS = {"clip": ("output", "solid"), "no clip": ("error", "dash")}


def policy():
    """draft, to which `answer` means half of `explain`: it answers some sums at once and works others out."""
    return between(lm.load("draft"), "answer", "explain", 0.5)


def practice(seed):
    """One batch: the old policy's answers to ANSWERS sums of three digits, and the advantage of each of their words,
    from a reward of 1 for a right answer."""
    rng = np.random.default_rng(seed)
    rolled = rollout(policy(), sums(ANSWERS, rng, DIGITS, last=""), LONGEST, rng)
    return rolled, np.repeat(whitened(checked(right, rolled))[:, None], rolled.answers.shape[1], 1)


def laws(model, rolled):
    """The model's log-probabilities of every word at every place of a Rollout: (N, T, V), a Tensor of Tensors."""
    P = rolled.prompts.shape[1]
    logits = lm.forward(model, np.concatenate([rolled.prompts, rolled.answers[:, :-1]], 1))
    return logits[:, P - 1 :]


def normed(logits):
    """log softmax of arrays (…, V)."""
    z = logits - logits.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def epochs_of(seed, eta, eps, epochs):
    """Epochs on one batch, each a step of Adam on all of it: yields (KL in nats an answer, share of words that get no
    gradient, policy), first before any step. eps: None for no clip."""
    model, (rolled, A) = policy(), practice(seed)
    mask, words = rolled.mask, rolled.answers
    old = normed(laws(model, rolled))  # (N, T, V)
    log_old = np.take_along_axis(old, words[..., None], -1)[..., 0]  # (N, T)
    seen = []

    def loss_of(weights, _):
        logits = laws(model.with_weights(weights), rolled)
        seen.append(normed(value(logits)))
        log_p = log_softmax_at(logits, words)
        return policy_loss(log_p, log_old, A, mask) if eps is None else ppo_loss(log_p, log_old, A, eps, mask)

    def looked(new, now):
        kl = (np.exp(old) * (old - new)).sum(-1)  # (N, T), exact at each word
        log_p = np.take_along_axis(new, words[..., None], -1)[..., 0]
        return float((kl * mask).sum(1).mean()), float(clip_fraction(log_p, log_old, A, eps or 0.2, mask)), now

    now = model
    for step in train(trainable(model), loss_of, range(epochs), eta):
        yield looked(seen[-1], now)
        now = model.with_weights(step.weights)
    yield looked(normed(laws(now, rolled)), now)


def share_right(model, n=128):
    """The share of right answers to new sums."""
    rng = np.random.default_rng(1_000_003)
    return float(checked(right, rollout(model, sums(n, rng, DIGITS, last=""), LONGEST, rng)).mean())


@demo(
    "live",
    "draft",
    epochs=Slider("Epochs on the batch", 4, 12, value=8, step=4),
    eta=Choice("Rate", (0.0003, 0.001), value=0.001),
    eps=Choice("Clip ε", (0.1, 0.2), value=0.2),
    seed=Seed(),
)
def epochs_on_one_batch(epochs, eta, eps, seed):
    """The house model takes several steps on one batch of its own answers, with the clip and without: how far it has
    gone from the policy that answered, and how many words the clip holds back."""
    total, runs, ends = 2 * (epochs + 1), {}, {"before": policy()}
    for n, way in enumerate(WAYS):
        runs[way] = []
        for kl, held, model in epochs_of(seed, eta, eps if way == "clip" else None, epochs):
            runs[way].append((kl, held))
            ends[way] = model
            yield Progress(n * (epochs + 1) + len(runs[way]), total, f"Learning: {way}"), *_drift(runs, epochs, eps)
    rows = []
    for name, model in ends.items():
        kl, held = runs[name][-1] if name in runs else (0.0, 0.0)
        rows.append((name, kl, 100 * held, 100 * share_right(model)))
        yield Progress(total, total, "Asking for new sums"), *_drift(runs, epochs, eps)
    yield (
        *_drift(runs, epochs, eps),
        Table(("Policy", "KL from the old one (nats an answer)", "Words held (%)", "Right on new sums (%)"), rows),
        Note("Held: words whose ratio is beyond the clip on the side where it stops their push; without the clip, the "
             "words that would be."),
    )  # fmt: skip


def _drift(runs, epochs, eps):
    kls = "; ".join(f"{way} {short(run[-1][0])} after {len(run) - 1}" for way, run in runs.items())
    helds = "; ".join(f"{way} {100 * run[-1][1]:.0f} %" for way, run in runs.items())
    first = next(iter(runs.values()))
    one = f" After the first step it was {first[1][0]:.1f}." if len(first) > 1 else ""
    top = max(5.0, 1.05 * max(kl for run in runs.values() for kl, _ in run))
    return (
        Figure(
            [line(np.arange(len(run)), [kl for kl, _ in run], way, *WAYS[way], mode="lines+markers")
             for way, run in runs.items()],
            x_title="Epochs done",
            y_title="KL from the old policy (nats an answer)",
            alt=f"KL from the policy that answered, over epochs on one batch of {ANSWERS} answers: {kls}.{one}",
            xaxis={"range": [-0.3, epochs + 0.3]},
            yaxis={"range": [0, top]},
            **NAMED,
        ),
        Figure(
            [line(np.arange(len(run)), [100 * held for _, held in run], way, *WAYS[way], mode="lines+markers")
             for way, run in runs.items()],
            x_title="Epochs done",
            y_title="Words held by the clip (%)",
            alt=f"Share of the batch's words that a clip at {eps:g} holds back, over the same epochs: {helds}.",
            height=220,
            xaxis={"range": [-0.3, epochs + 0.3]},
            yaxis={"range": [0, 40]},
            **NAMED,
        ),
    )  # fmt: skip


# ---- a sampler that rounds

ROUNDINGS = {
    "BF16": lambda W: to_format(W, "BF16"),
    "FP8, a scale for each matrix": lambda W: scaled_to(W, "E4M3"),
    "NVFP4": lambda W: in_blocks(W, "NVFP4"),
    "MXFP4": lambda W: in_blocks(W, "MXFP4"),
}
TASKS = {"sums": 6, "stories": 32}  # words of an answer at most
ASKED, SAMPLED = 48, "draft"


def rounded_model(kind):
    """draft with all matrices but the embedding rounded."""
    model = lm.load(SAMPLED)
    return model.with_weights({name: ROUNDINGS[kind](W) for name, W in model.weights.items()
                               if W.ndim == 2 and name != "embedding"})  # fmt: skip


def mismatched(kind, task, seed):
    """Log-ratios of draft, as it is, to the rounded one, on answers that the rounded one gave: (N, T) and the mask."""
    rng = np.random.default_rng(seed)
    prompts = sums(ASKED, rng, DIGITS) if task == "sums" else np.tile(encode("[blunt] story :"), (ASKED, 1))
    rolled = rollout(rounded_model(kind), prompts, TASKS[task], rng)
    log_p = log_probs(lm.load(SAMPLED), rolled.prompts, rolled.answers, rolled.mask)
    return log_p - rolled.log_probs, rolled.mask


def spans(kind, task, seed=0):
    """For the page's text: where nine tenths of the ratios lie, of words, of whole answers, of answers per word."""
    d, mask = mismatched(kind, task, seed)
    logs = (d[mask], d.sum(1), d.sum(1) / mask.sum(1))
    return [tuple(float(x) for x in np.exp(np.quantile(each, (0.05, 0.95)))) for each in logs]


def effective(w):
    """The share of the answers that weighted answers are worth: (Σw)²/(n Σw²)."""
    return float(w.sum() ** 2 / (len(w) * (w * w).sum()))


@demo(
    "model",
    "draft",
    kind=Choice("Sampler's matrices", tuple(ROUNDINGS), value="FP8, a scale for each matrix"),
    task=Choice("It is asked for", tuple(TASKS), value="stories"),
    C=Choice("Cap on a word's weight", (1.5, 2.0, 5.0), value=2.0),
    seed=Seed(),
)
def sampler_that_rounds(kind, task, C, seed):
    """The house model answers 48 times with rounded matrices, and with its own it says how likely each answer is."""
    yield Progress(1, 2, "Answering with rounded matrices")
    d, mask = mismatched(kind, task, seed)
    words, answers = np.exp(d[mask]), np.exp(d.sum(1))
    means = np.exp(d.sum(1) / mask.sum(1))
    lines = [(words, "a word", "output", "solid"), (answers, "a whole answer", "error", "dash"),
             (means, "an answer, per word", "reference", "dot")]  # fmt: skip
    spans = "; ".join(f"{name} {short(low)} to {short(high)}" for name, (low, high) in
                      ((name, np.quantile(w, (0.05, 0.95))) for w, name, *_ in lines))  # fmt: skip
    share = np.linspace(0, 100, 51)
    yield (
        Figure(
            [line(share, np.clip(np.quantile(w, share / 100), *SHOWN), name, ink, dash)
             for w, name, ink, dash in lines],
            x_title="Share of words or answers below (%)",
            y_title="Ratio: trainer ÷ sampler",
            alt=f"Ratios of the trainer's probabilities to the sampler's, sorted; sampler {kind}, {task}. "
            f"From 5 to 95 %: {spans}.",
            yaxis={"type": "log", "tickvals": [0.1, 0.2, 0.5, 1, 2, 5], "range": [-1.35, 0.82],
                   "ticktext": ["0.1", "0.2", "0.5", "1", "2", "5"]},
            shapes=[rule(y=C)],
            **NAMED,
        ),
        Metrics(
            ("Effective answers", 100 * effective(answers), "%", "(Σw)²/(n·Σw²) of the 48 whole answers' ratios"),
            ("Words beyond the cap", 100 * float((truncated_weight(d[mask], 0.0, C) < words).mean()), "%"),
            ("Words of an answer", float(mask.sum(1).mean()), ""),
        ),
        Note("No step has been taken yet: all of this is rounding."),
    )  # fmt: skip


SHOWN = (0.05, 6.0)  # the figure's ends
