"""What the page on gradient accumulation shows beside the house model's pieces."""

import numpy as np

from topics.gradient_accumulation.breaks import CLIP, DROPOUT, LOSSES, PLAIN, REPAIRS, in_pieces
from topics.gradient_accumulation.ledger import GPT2, LINKS, SHARE_OF_PEAK, activation_bytes, fixed_bytes, step_seconds
from topics.gradient_accumulation.method import fit_steps, gradient_noise_scale, steps_needed
from topics.gradient_accumulation.recorded import GOAL, NOISE, STEPS
from topics.gradient_accumulation.small import batches_of, small_model, text_gradients
from topics.kit import (
    GIB,
    GPUS,
    Badge,
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Progress,
    Seed,
    Toggle,
    bars,
    demo,
    label,
    line,
    max_abs_difference,
    points,
    rule,
)
from topics.kit.model.text import held_out
from topics.kit.model.training import next_token_loss, train
from topics.kit.page.words import counted, short

# ---- what breaks equality


@demo(
    k=LogSlider("Pieces", 1, 16, value=8),
    what=Choice("The loss, or the step, has", LOSSES, value=CLIP),
    repaired=Toggle("Repair it"),
    seed=Seed(),
)
def what_breaks(k, what, repaired, seed):
    """64 examples in pieces: each number of the gradient, added up from pieces, against that of one batch."""
    mine, whole = in_pieces(what, k, repaired, seed)
    off = float(np.linalg.norm(mine - whole) / np.linalg.norm(whole))
    length = float(np.linalg.norm(mine) / np.linalg.norm(whole))
    end = 1.1 * float(np.abs([mine, whole]).max())
    equal = repaired or what == PLAIN or k == 1
    figure = Figure(
        [
            line([-end, end], [-end, end], "equal", "reference", "dash"),
            points(whole, mine, "a parameter's gradient", "gradient" if equal else "error", marker={"size": 6}),
        ],
        x_title="Gradient of one batch",
        y_title=f"From {counted(k, 'piece')}",
        alt=f"{len(whole)} numbers of the gradient with {what}, from {counted(k, 'piece')}"
        f"{', repaired' * repaired}: {'equal but for rounding' if equal else f'off by {100 * off:.3g} %'}, "
        f"{length:.3g} times as long as that of one batch. Points lie {'on' if equal else 'beside'} the line.",
        xaxis={"range": [-end, end]},
        yaxis={"range": [-end, end]},
        showlegend=False,
    )  # fmt: skip
    return (
        figure,
        Metrics(
            (
                "Gradient off by",
                0.0 if equal else 100 * off,
                "%",
                "length of the difference / length of one batch's gradient",
            ),
            ("Its length", length, "× one batch's"),
        ),
        Badge("Pieces against one batch: max|Δ|", max_abs_difference(mine, whole), 1e-14, may_fail=True),
        Note(REPAIRS[what]) if repaired else _breaks_note(what, k),
    )


def _breaks_note(what, k):
    if what == PLAIN or k == 1:
        return Note("A loss that is a sum over examples may be added up in any pieces.")
    if what == DROPOUT:
        return Note("Other masks were drawn: another sample of the same gradient, right in the mean.", "warning")
    return Note(f"With {what}, the batch's gradient is not the mean of its pieces'.", "warning")


# ---- how large a batch

MARKS = (0, 5, 10, 20, 40, 60, 80)  # steps before which the noise is measured
MEASURED = 64  # texts that it is measured on


@demo(
    "live",
    B=LogSlider("Texts in a batch", 2, 16, value=16),
    eta=Choice("Rate", (0.003, 0.01, 0.03), value=0.01),
    seed=Seed(),
)
def noise_grows(B, eta, seed):
    """A small model learns the house language by Adam; now and then 64 texts, one by one, tell the noise scale."""
    model, texts, found, loss = small_model(seed), held_out(MEASURED, start=60_000), [], None
    words = sum(len(each.words) - 1 for each in texts) / MEASURED
    weights, steps = model.weights, train(model.weights, next_token_loss(model), batches_of(B, seed), eta)
    for t in range(MARKS[-1] + 1):
        if t in MARKS:
            rows = []
            for i in range(0, MEASURED, 8):
                yield Progress(t, MARKS[-1] + 1, f"Step {t}: texts {i + 1} to {i + 8}")
                rows.append(text_gradients(model.with_weights(weights), texts[i : i + 8], words))
            g = np.concatenate(rows)  # (64, P)
            found.append((t, *(float(gradient_noise_scale(part)) for part in (g, g[::2], g[1::2]))))
        step = next(steps)
        weights, loss = step.weights, step.loss
        done = Progress(t, MARKS[-1] + 1, "Training")
        yield (done, *_noise_views(found, words, t + 1, loss, B)) if t % 4 == 0 else done
    yield _noise_views(found, words, MARKS[-1] + 1, loss, B)


def _noise_views(found, words, t, loss, B):
    marks = [mark for mark, *_ in found]
    whole, *halves = ([n if n > 0 else None for n in each] for each in list(zip(*found, strict=True))[1:])
    now = found[-1][1]
    figure = Figure(
        [
            *(points(marks, half, "each half of them", "reference", marker={"size": 7}, showlegend=i == 0)
              for i, half in enumerate(halves)),
            line(marks, whole, f"{MEASURED} texts", "gradient", mode="lines+markers"),
        ],
        x_title="Steps",
        y_title="Noise scale (texts)",
        alt=f"The noise scale from {MEASURED} texts was {short(found[0][1])} texts at the start and is {short(now)} at "
        f"step {marks[-1]}, from each half of the texts {short(found[-1][2])} and {short(found[-1][3])}. "
        f"Loss {loss:.2f} nats a word after {counted(t, 'step')}.",
        xaxis={"range": [-3, MARKS[-1] + 3]},
        yaxis={"type": "log", "range": [0.5, 2.7], "tickvals": [10, 30, 100, 300]},
        shapes=[rule(y=B)],
        annotations=[label(MARKS[-1], np.log10(B), "batch", xanchor="right", yanchor="bottom")],
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    return (
        figure,
        Metrics(
            ("Noise scale", now, "texts", f"before step {marks[-1] + 1}"),
            ("In words", now * words, "words", f"{words:.1f} words a text"),
            ("From each half of the texts", f"{short(found[-1][2])} and {short(found[-1][3])}", "texts"),
            ("Loss of the batch", loss, "nats a word", f"after {counted(t, 'step')}"),
        ),
    )


TRIED = tuple(STEPS)  # sizes of batches of the recorded runs
MEAN = {B: sum(steps) / len(steps) for B, (_, steps) in STEPS.items()}
FIT = fit_steps(list(MEAN), list(MEAN.values()))  # S_min and B_crit


@demo(
    B=LogSlider("Texts in a batch", 2, 64, value=16),
    goal=Choice("Vertical axis", ("texts read", "steps"), value="texts read"),
)
def steps_against_texts(B, goal):
    """Recorded: the steps and the texts that a small model needs to reach one loss, by the size of a batch."""
    S_min, B_crit = FIT
    many = 2 ** np.linspace(0.5, 6.5, 25)
    fitted = steps_needed(many, S_min, B_crit)
    by_texts = goal == "texts read"
    runs = [(size, steps) for size, (_, each) in STEPS.items() for steps in each]
    seen = [steps * (size if by_texts else 1) for size, steps in runs]
    ticks = [300, 500, 1000, 2000] if by_texts else [20, 50, 100, 200]
    steps, texts = steps_needed(B, S_min, B_crit), B * steps_needed(B, S_min, B_crit)
    figure = Figure(
        [
            line(many, fitted * (many if by_texts else 1), "fit", "reference", "dash"),
            points([size for size, _ in runs], seen, "one run", "cost"),
        ],
        x_title="Texts in a batch",
        y_title="Texts read until the goal" if by_texts else "Steps until the goal",
        alt=f"Runs to {GOAL} nats a word. With {TRIED[0]} texts in a batch {MEAN[TRIED[0]]:.0f} steps, "
        f"{TRIED[0] * MEAN[TRIED[0]]:,.0f} texts; with {TRIED[-1]}, {MEAN[TRIED[-1]]:.0f} steps, "
        f"{TRIED[-1] * MEAN[TRIED[-1]]:,.0f} texts. The fit at {B}: {steps:.0f} steps, {texts:,.0f} texts.",
        xaxis={"type": "log", "tickvals": list(TRIED), "ticktext": [str(size) for size in TRIED]},
        yaxis={"type": "log", "tickvals": ticks, "ticktext": [f"{x:,}" for x in ticks]},
        shapes=[rule(x=B), rule(x=B_crit, dash="dot")],
        annotations=[label(np.log10(B_crit), 1, "B_crit", yref="paper", yanchor="top", xanchor="left", xshift=4)],
        showlegend=False,
    )  # fmt: skip
    return (
        figure,
        Metrics(
            ("Steps", steps, "by the fit", f"{S_min:.1f} · (1 + {B_crit:.1f} / {B})"),
            ("Against the fewest steps", steps / S_min, "×", f"1 + {B_crit:.1f} / {B}"),
            ("Texts", texts, "by the fit", f"{B} · {steps:.1f}"),
            ("Against the fewest texts", texts / (S_min * B_crit), "×", f"1 + {B} / {B_crit:.1f}"),
        ),
        Note(f"Recorded runs, three seeds for each size; the rate is the best of four, {STEPS[B][0]:g} here."),
    )


def noise_at_goal(B=16):
    """The recorded noise scale, in texts, at the mark next to where runs with B texts reach the goal: for each seed."""
    return [min(found, key=lambda each: abs(each[0] - MEAN[B]))[1] for found in NOISE[STEPS[B][0]].values()]


# ---- what it costs


@demo(
    b=LogSlider("Windows in a piece, on each GPU", 1, 64, value=4),
    name=Choice("Model", tuple(GPT2), value="GPT-2 XL"),
    n=Choice("H100 GPUs", (1, 8, 64), value=8),
    link=Choice("Between GPUs", tuple(LINKS), value="Ethernet, 100 Gb/s"),
    each=Toggle("Break it: exchange gradients after every piece"),
)
def memory_and_time(b, name, n, link, each):
    """One step on 512 windows of 1,024 tokens: the memory of a GPU, and the time, by the size of a piece."""
    chip, windows = GPUS["H100"], [2**i for i in range(7) if 2**i * n <= 512]
    b = min(b, windows[-1])
    fixed = fixed_bytes(name) / GIB
    kept = [activation_bytes(name, w) / GIB for w in windows]
    memory = Figure(
        [
            bars([str(w) for w in windows], [fixed] * len(windows), "parameters, gradients, Adam", "weight"),
            bars([str(w) for w in windows], kept, "activations", "cost"),
        ],
        x_title="Windows in a piece",
        y_title="Memory of a GPU (GiB)",
        alt=f"{name}, {counted(b, 'window')} in a piece: {fixed:.1f} GiB for parameters, gradients and Adam, "
        f"{activation_bytes(name, b) / GIB:.1f} GiB for activations; a GPU has {chip.memory // GIB}.",
        height=260,
        barmode="stack",
        xaxis={"type": "category"},
        yaxis={"range": [0, min(1.1 * max(fixed + kept[-1], chip.memory / GIB), 2.5 * chip.memory / GIB)]},
        shapes=[rule(y=chip.memory / GIB)],
        annotations=[label(0, chip.memory / GIB, "H100", yanchor="bottom")],
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    k = 512 // (n * b)
    arithmetic, once = step_seconds(name, n, chip, LINKS[link])
    exchanged = once * (k if each else 1)
    fits = fixed_bytes(name) + activation_bytes(name, b) <= chip.memory
    return (
        memory,
        Metrics(
            ("Pieces", k, "on each GPU", f"512 / ({n} · {b})"),
            ("Memory", fixed + activation_bytes(name, b) / GIB, "GiB", f"{fixed:.1f} + {b} · {kept[0]:.2f}"),
            ("Arithmetic", arithmetic, "s", f"6 · P · 524,288 / ({n} · {100 * SHARE_OF_PEAK:.0f} % of peak)"),
            ("Exchange", exchanged, "s", f"{k if each else 1} × {short(once)}: 2 · (n − 1) / n · 4 P bytes"),
            ("One step", arithmetic + exchanged, "s", "nothing overlapped"),
        ),
        _ledger_note(n, k, fits, each),
    )


def _ledger_note(n, k, fits, each):
    if not fits:
        return Note("This does not fit into the GPU. Make the piece smaller: the step stays the same.", "warning")
    if n == 1:
        return Note("One GPU exchanges nothing: pieces save memory, and cost no arithmetic and no traffic.")
    if each and k > 1:
        return Note(f"{k} exchanges a step, of which one is needed.", "warning")
    return Note("The gradients are exchanged once, after the last piece.")


def broken(what, k, seed=0):
    """How far off the toy's gradient is, in parts of its length: what the page says of it."""
    mine, whole = in_pieces(what, k, False, seed)
    return float(np.linalg.norm(mine - whole) / np.linalg.norm(whole))


def noise_early(eta=0.01):
    """The recorded noise scales at the start, from 128 texts, one for each seed."""
    return [found[0][1] for found in NOISE[eta].values()]


def noise_later(eta=0.01):
    """The same from step 40 on: each seed's mean over the marks."""
    later = [[noise for t, noise, *_ in found if t >= 40] for found in NOISE[eta].values()]
    return [sum(each) / len(each) for each in later]
