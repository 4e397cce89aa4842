"""What attention costs: the FLOP of a real model's block, step by step."""

from topics.attention.method import block_steps, crossover
from topics.kit import MODELS, PLAIN, Choice, Figure, LogSlider, Metrics, Note, Table, Toggle, bars, demo
from topics.kit.page.words import beyond

LEDGERS = (*PLAIN, "Qwen3-235B-A22B", "MiniMax-M2")  # the last two are mixtures throughout
PHASES = {"read a prompt": (1, True), "train": (3, True), "write one token": (1, False)}


@demo(
    T=LogSlider("Context length", 128, 131_072, value=8192, unit="tokens"),
    name=Choice("Model", LEDGERS, value="Llama-3.1-8B"),
    phase=Choice("What it does", tuple(PHASES), value="read a prompt"),
    square=Toggle("Count the masked half, too"),
)
def ledger(T, name, phase, square):
    """Shapes and FLOP of one block of a real model, step by step."""
    passes, whole = PHASES[phase]
    steps = block_steps(name, T if whole else 1, T, square)
    flops = [passes * f for _, _, f, _ in steps]
    total = sum(flops)
    pairs = sum(f for f, step in zip(flops, steps, strict=True) if step[3] == "T²")
    T_star = (crossover(name) + 1) / 2 if square or not whole else crossover(name)  # a token meets T, or (T + 1) / 2
    grows = {"T": "T", "T²": "T²"} if whole else {"T": "–", "T²": "T"}
    m = MODELS[name]
    figure = Figure(
        [bars([step for step, *_ in steps], [100 * f / total for f in flops], "share", "cost",
              text=[f"{100 * f / total:.0f} %" for f in flops])],
        y_title="Share of the block's FLOP (%)",
        alt=f"{name}, {phase}, T = {T:,}: scores and mixing take {100 * pairs / total:.0f} % of the block's FLOP.",
        yaxis={"range": [0, 110]},
    )  # fmt: skip
    table = Table(
        ["step", "shapes", "GFLOP", "grows with"],
        [[step, shapes, f / 1e9, grows[g]] for (step, shapes, _, g), f in zip(steps, flops, strict=True)],
        "One block"
        + (", forward and backward" if passes == 3 else "")
        + ("; of scores and mixing, what the mask leaves" if whole and not square else ""),
    )
    return (
        figure,
        table,
        Metrics(
            ("Scores and mixing", 100 * pairs / total, "%", "of the block's FLOP"),
            ("All blocks", m.L * total / 1e12, "TFLOP", f"{m.L} blocks"),
            ("They cost half from", T_star, "tokens", "where pairs cost what matrices do"),
        ),
        _ledger_note(name, T, phase, square, whole),
    )


def _ledger_note(name, T, phase, square, whole):
    context = MODELS[name].context
    if context < T:
        return Note(beyond(name, context), "warning")
    if MODELS[name].experts and phase == "read a prompt" and not square:
        return Note("Of the feed-forward part a token passes only the experts it is sent to. They alone are counted.")
    if phase == "train":
        return Note("The backward pass multiplies each matrix twice, once for each factor's gradient: three times all.")
    if not whole:
        return Note("One row instead of T, and nothing is masked: keys and values of the others come from the cache.")
    if square:
        return Note("The whole square is counted, as a plain matrix product computes it before the mask.")
    return Note("Fused kernels skip tiles that are masked as a whole, and come close to this count.")
