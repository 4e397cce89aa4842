"""A head of a toy network that learns where to look when there is nothing to say."""

import numpy as np

from topics.kit import Figure, Metrics, Note, Progress, Seed, Slider, Toggle, demo, line, rule, softmax
from topics.kit.model.autograd import cross_entropy
from topics.kit.model.training import train
from topics.sliding_window.method import sliding_window_mask

V_TOY, ECHOES, D_TOY, T_TOY = 12, 2, 8, 32  # words, those that call for an echo, width, length of a text
BEGIN = V_TOY  # the number of the sign that begins each text


def echo_texts(rng, table, n):
    """n texts (n, T_TOY): after a word of ECHOES the word before it comes again, after any other one of its row of
    the table (V_TOY, V_TOY)."""
    x = np.full((n, T_TOY), BEGIN)
    x[:, 1] = rng.integers(0, V_TOY, n)
    up_to = table.cumsum(1)
    for t in range(2, T_TOY):
        last = x[:, t - 1]
        drawn = (rng.random((n, 1)) > up_to[last]).sum(1).clip(0, V_TOY - 1)
        x[:, t] = np.where((last < ECHOES) & (t > 2), x[:, t - 2], drawn)
    return x


def resting_head(p, x, mask):
    """One head over a table of next words; returns logits (n, T, V) and weights (n, T, T).

    p  q, k (V+1, D) and v, next (V+1, V): one row a word; near (D, 3): a key for the word itself, the one before, and
       any further back
    """
    X, i = np.eye(V_TOY + 1, dtype=np.float32)[x], np.arange(x.shape[1])
    back = np.eye(3, dtype=np.float32)[np.clip(i[:, None] - i, 0, 2)]  # (T, T, 3)
    q = X @ p["q"]
    scores = q @ np.swapaxes(X @ p["k"], -1, -2) + np.einsum("ntc,tjc->ntj", q @ p["near"], back)
    w = softmax(np.where(mask, scores * D_TOY**-0.5, -np.inf))
    return X @ p["next"] + w @ (X @ p["v"]), w


def teach_to_rest(W, windowed, seed, steps=300, every=20):
    """Train the head on fresh texts, and test it as it goes.

    yields  step, and measured(…) on 64 texts that it did not see
    """
    rng = np.random.default_rng(seed)
    table = rng.dirichlet(np.full(V_TOY, 0.3), V_TOY)
    V, D = V_TOY, D_TOY
    shapes = {"q": (V + 1, D), "k": (V + 1, D), "near": (D, 3), "v": (V + 1, V), "next": (V + 1, V)}
    p = {name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    test = echo_texts(rng, table, 64)
    mask = sliding_window_mask(T_TOY - 1, W if windowed else T_TOY)

    def loss_of(weights, x):
        return cross_entropy(resting_head(weights, x[:, :-1], mask)[0], x[:, 1:])

    def eta(t):
        return 0.05 * min(1, 2 * (1 - t / steps) + 0.05)

    batches = (echo_texts(rng, table, 16) for _ in range(steps))
    for step in train(p, loss_of, batches, eta, clip=np.inf, betas=(0.9, 0.99)):
        if step.t % every == 0:
            yield step.t, measured(step.weights, test, table, W)


def measured(p, x, table, W):
    """Mean losses (nats) in texts x (n, T_TOY), of the words after idle ones and of echoes; and idle words' weights.

    returns  {"floor": that of idle words; "all", "window", "kept" (the window and the first sign): (idle, echo);
             "on first", "on itself": weights when all is seen}
    """
    T = T_TOY - 1
    asks, follows, late = x[:, :-1], x[:, 1:], np.arange(T) >= W
    idle, echo = (asks >= ECHOES) & late, (asks < ECHOES) & late
    found = {"floor": float(-np.log(table[asks[idle], follows[idle]]).mean())}
    masks = {"all": (T_TOY, 0), "window": (W, 0), "kept": (W, 1)}
    for name, (size, keep) in masks.items():
        logits, w = resting_head(p, asks, sliding_window_mask(T, size, keep))
        loss = -np.log(np.take_along_axis(softmax(logits), follows[..., None], -1)[..., 0])
        found[name] = float(loss[idle].mean()), float(loss[echo].mean())
        if name == "all":
            i = np.arange(T)
            found |= {"on first": float(w[:, :, 0][idle].mean()), "on itself": float(w[:, i, i][idle].mean())}
    return found


@demo(
    "live",
    W=Slider("Window W, when tested", 3, 12, value=8, unit="words"),
    windowed=Toggle("Train with the window, too"),
    seed=Seed(),
)
def a_head_that_rests(W, windowed, seed):
    """A head learns, here and now, a task that leaves it nothing to do at most words; then its first word is taken."""
    steps, found = [], []
    for step, now in teach_to_rest(W, windowed, seed):
        steps.append(step)
        found.append(now)
        yield Progress(step, 300, "Training"), *_rest_views(steps, found, W, windowed)


def _rest_views(steps, found, W, windowed):
    now = found[-1]
    curves = {
        "window only": ([each["window"][0] for each in found], "error", "solid"),
        "all is seen": ([each["all"][0] for each in found], "reference", "solid"),
        "window and first": ([each["kept"][0] for each in found], "key", "dot"),
    }
    lines = [line(steps, y, name, ink, dash) for name, (y, ink, dash) in curves.items()]
    weights = [line(steps, [100 * each[key] for each in found], text, ink, dash)
               for key, text, ink, dash in (("on first", "first word", "weight", "solid"),
                                            ("on itself", "itself", "query", "dash"))]  # fmt: skip
    return (
        Figure(
            lines,
            x_title="Step of training",
            y_title="Loss of idle words (nats)",
            alt=f"Idle words after {steps[-1]} steps: {now['all'][0]:.2f} nats when all is seen, "
            f"{now['window'][0]:.2f} with a window of {W}, {now['kept'][0]:.2f} with the window and the first word; "
            f"the floor is {now['floor']:.2f}.",
            xaxis={"range": [0, 310]},
            shapes=[rule(y=now["floor"], dash="dot")],
        ),
        Figure(
            weights,
            x_title="Step of training",
            y_title="Weight of idle words (%)",
            alt=f"After {steps[-1]} steps idle words put {100 * now['on first']:.0f} % of their weight on the first "
            f"word and {100 * now['on itself']:.0f} % on themselves.",
            height=240,
            xaxis={"range": [0, 310]},
            yaxis={"range": [0, 105]},
        ),
        Metrics(
            ("Idle words, window only", round(now["window"][0] - now["floor"], 3), "nats", "above the floor"),
            ("Idle words, window and first", round(now["kept"][0] - now["floor"], 3), "nats", "above the floor"),
            ("Echoes, window only", round(now["window"][1], 3), f"nats; {now['all'][1]:.3f} when all is seen",
             "the floor is 0: they are certain"),
        ),
        Note("Trained with the window: it learnt to rest on what it still sees." if windowed else
             "Trained with every earlier word in sight; the window comes with the test."),
    )  # fmt: skip
