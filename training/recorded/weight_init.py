"""Records what the page on weight initialisation shows of rates and widths: small models of the house's form, each
trained for 60 steps, at several rates, standard and by μP. numpy and the kit only, seeded.

    OPENBLAS_NUM_THREADS=1 python -m training.recorded.weight_init    # four minutes; goes on if stopped
"""

import json
from datetime import date
from pathlib import Path

import numpy as np

from topics.weight_init.widths import RATES, WIDTHS, cell

ROOT = Path(__file__).parents[2]
KEPT, HERE = ROOT / ".cache/weight_init.json", ROOT / "topics/weight_init/recorded.py"
SEEDS = (0, 1, 2)


def main():
    done = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    for seed in SEEDS:
        for d in WIDTHS:
            for eta in RATES:
                for scheme in ("standard", "μP"):
                    key = f"{scheme} {d} {eta} {seed}"
                    if key in done or (d == WIDTHS[0] and scheme == "μP"):  # at the base width both are the same
                        continue
                    *_, (_, _, loss) = cell(d, eta, scheme, seed)
                    done[key] = round(loss, 3) if np.isfinite(loss) else None
                    KEPT.write_text(json.dumps(done))
    write(done)


def write(done):
    """topics/weight_init/recorded.py, from all that was run."""
    lines = []
    for scheme in ("standard", "μP"):
        lines.append(f"    {scheme!r}: {{".replace("'", '"'))
        for d in WIDTHS:
            ran = "standard" if d == WIDTHS[0] else scheme
            lines.append(f"        {d}: {{")
            for eta in RATES:
                losses = ", ".join(str(done[f"{ran} {d} {eta} {seed}"]) for seed in SEEDS)
                lines.append(f"            {eta}: ({losses}),")
            lines.append("        },")
        lines.append("    },")
    HERE.write_text(
        f'"""Losses by width and rate, recorded on {date.today()} by `python -m training.recorded.weight_init`: nats\n'
        "a word on held-out texts after 60 steps of 8 short texts, seeds 0, 1 and 2; None where a run ended in no "
        'number."""\n\n'
        "# {scheme: {width: {rate: losses}}}\nLOSSES = {\n" + "\n".join(lines) + "\n}\n"
    )


if __name__ == "__main__":
    main()
