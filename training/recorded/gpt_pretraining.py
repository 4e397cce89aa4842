"""Records what the page on GPT pretraining shows of schedules, on the house language, and of rates, on the story:
small models of the house's form, three seeds each. numpy and the kit only, seeded.

    OPENBLAS_NUM_THREADS=1 python -m training.recorded.gpt_pretraining    # eight minutes; goes on if stopped
"""

from datetime import date
from math import isfinite

from topics.gpt_pretraining.readers_text import LABELS
from topics.gpt_pretraining.runs import (
    PEAKS,
    RATES,
    SCHEDULES,
    WARM_UPS,
    WIDE_STEPS,
    fast_run,
    schedule_losses,
    task_run,
)
from training.recorded.kept import ROOT, kept

HERE = ROOT / "topics/gpt_pretraining/recorded.py"
SEEDS = (0, 1, 2)


def main():
    with kept("gpt_pretraining") as (done, once):
        for seed in SEEDS:
            for labels in LABELS:
                once(f"task {labels} {seed}", lambda x=labels, s=seed: task_run(s, x))
            once(f"wide {seed}", lambda s=seed: task_run(s, LABELS[0], 64, WIDE_STEPS, 40))
        for seed in SEEDS:
            for peak in PEAKS:
                once(f"schedule {peak} {seed}", lambda p=peak, s=seed: schedule_losses(s, p))
            for eta, warm, norm in cells():
                once(f"rate {eta} {warm} {norm} {seed}", lambda e=eta, w=warm, n=norm, s=seed: fast_run(s, e, w, n))
        write(done)


def cells():
    return [(eta, warm, norm) for norm in (False, True) for warm in WARM_UPS for eta in RATES]


def write(done):
    """topics/gpt_pretraining/recorded.py, from all that was run."""
    schedules = []
    for peak in PEAKS:
        schedules.append(f"    {peak}: {{")
        for name in SCHEDULES:
            losses = ", ".join(str(round(done[f"schedule {peak} {seed}"][name], 3)) for seed in SEEDS)
            schedules.append(f'        "{name}": ({losses}),')
        schedules.append("    },")
    tasks = []
    for labels in LABELS:
        tasks.append(f'    "{labels}": (')
        for seed in SEEDS:
            run = [tuple(each) for each in done[f"task {labels} {seed}"]]
            tasks.append(f"        {run},")
        tasks.append("    ),")
    wide = [f"    {[tuple(each) for each in done[f'wide {seed}']]}," for seed in SEEDS]
    rates = []
    for cell in cells():
        runs = ", ".join(pair(done["rate {} {} {} {}".format(*cell, seed)]) for seed in SEEDS)
        rates.append(f"    {cell}: ({runs}),")
    HERE.write_text(
        f'"""Recorded on {date.today()} by `python -m training.recorded.gpt_pretraining`: seeds 0, 1 and 2."""\n\n'
        "# {peak rate: {schedule: nats a word above the floor after 240 steps}}\n"
        "SCHEDULED = {\n" + "\n".join(schedules) + "\n}\n\n"
        "# {what is taught: for each seed, at steps 10, 20, …, the loss on it and the held-out loss of the next\n"
        "# character}, nats a character\nTASKS = {\n" + "\n".join(tasks) + "\n}\n\n"
        "# width 64, for each seed, at steps 40, 80, …: the loss of the 40 steps and the held-out loss\n"
        "WIDE = (\n" + "\n".join(wide) + "\n)\n\n"
        "# {(rate, steps of warm-up, QK-norm): (held-out loss in nats a character, largest score) after 100 steps};\n"
        "# None where the run ended in no number\nFAST = {\n" + "\n".join(rates) + "\n}\n"
    )


def pair(run):
    return "(None, None)" if not all(map(isfinite, run)) else f"({run[0]:.2f}, {run[1]:.1f})"


if __name__ == "__main__":
    main()
