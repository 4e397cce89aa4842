"""Records what the page on LoRA shows of rates, ranks and matrices: fine-tunes of the house model to courtesy, 15 steps
of 4 short texts each, three seeds. numpy and the kit only, seeded.

    OPENBLAS_NUM_THREADS=1 python -m training.recorded.lora    # ten minutes; goes on if stopped
"""

from datetime import date

from topics.kit.model.adapters import PARTS
from topics.lora.runs import FULL_RATES, RANKS, RATES, RULES, adapter_run, ended, full_run, lm, short_sums
from training.recorded.kept import ROOT, kept

HERE = ROOT / "topics/lora/recorded.py"
SEEDS = (0, 1, 2)
PART_RATES = (0.003, 0.01)


def main():
    with kept("lora") as (done, once):
        once("before", lambda: ended(lm.load("target"), {}))
        for seed in SEEDS:
            for eta in FULL_RATES:
                once(f"full {eta} {seed}", lambda e=eta, s=seed: full_run(s, e))
            for rule, r, eta in cells():
                once(
                    f"{cell_name(rule, r, eta)} {seed}",
                    lambda r=r, u=rule, e=eta, s=seed: adapter_run(s, r, RULES[u](r), e),
                )
            for parts in PARTS:
                for eta in PART_RATES:
                    if parts != "all matrices":
                        once(f"{parts} 4 {eta} {seed}", lambda p=parts, e=eta, s=seed: adapter_run(s, 4, 2.0, e, p))
            for eta in PART_RATES:
                once(f"sums {eta} {seed}", lambda e=eta, s=seed: adapter_run(s, 4, 2.0, e, taught=short_sums))
        write(done)


def cells():
    return [(rule, r, eta) for rule in RULES for r in RANKS for eta in RATES]


def cell_name(rule, r, eta):
    return f"scale {RULES[rule](r):.4g} {r} {eta}"


def write(done):
    """topics/lora/recorded.py, from all that was run."""

    def three(name):
        return "(" + ", ".join(str(tuple(done[f"{name} {seed}"])) for seed in SEEDS) + ")"

    scaled = []
    for rule in RULES:
        scaled.append(f'    "{rule}": {{')
        for r in RANKS:
            scaled.append(f"        {r}: {{")
            scaled += [f"            {eta}: {three(cell_name(rule, r, eta))}," for eta in RATES]
            scaled.append("        },")
        scaled.append("    },")
    parts = []
    for part in PARTS:
        name = cell_name("α/r", 4, "{}") if part == "all matrices" else f"{part} 4 {{}}"
        parts.append(f'    "{part}": {{')
        parts += [f"        {eta}: {three(name.format(eta))}," for eta in PART_RATES]
        parts.append("    },")
    full = [f"    {eta}: {three(f'full {eta}')}," for eta in FULL_RATES]
    sums = [f"    {eta}: {three(f'sums {eta}')}," for eta in PART_RATES]
    HERE.write_text(
        f'"""Recorded on {date.today()} by `python -m training.recorded.lora`: 15 steps of 4 short texts. For each of\n'
        "the seeds 0, 1 and 2 the nats above the floor on 24 courteous texts and on 20 polite ones, and the length of\n"
        'the change."""\n\n'
        f"BEFORE = {tuple(done['before'])}\n\n"
        "# {scale: {rank: {rate: …}}}, adapters on all matrices\nSCALED = {\n" + "\n".join(scaled) + "\n}\n\n"
        "# {rate: …}, all matrices whole\nFULL = {\n" + "\n".join(full) + "\n}\n\n"
        "# {matrices: {rate: …}}, rank 4, scale 2\nPARTED = {\n" + "\n".join(parts) + "\n}\n\n"
        "# {rate: …}, rank 4, scale 2, taught sums alone\nSUMS_ALONE = {\n" + "\n".join(sums) + "\n}\n"
    )


if __name__ == "__main__":
    main()
