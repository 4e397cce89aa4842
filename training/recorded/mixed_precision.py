"""What the page on mixed precision tells of small steps: the house model learns courtesy with BF16 weights, four ways,
at three rates, from three seeds. About three minutes:

python -m training.recorded.mixed_precision
"""

from datetime import date
from itertools import islice
from pathlib import Path

from topics.mixed_precision.masters import STEPS, above, run

RATES, SEEDS = (3e-5, 1e-4, 3e-4), (0, 1, 2)
TO = Path(__file__).parents[2] / "topics/mixed_precision/recorded.py"


def main():
    table = {}
    for rate in RATES:
        for way in ("nearest", "stochastic", "Kahan", "master"):
            ends = [next(islice(run(rate, way, seed), STEPS, None)) for seed in SEEDS]
            table[rate, way] = [(round(above(weights), 4), round(still, 4)) for weights, still in ends]
            print(rate, way, table[rate, way], flush=True)
    (weights, _) = next(run(1e-4, "nearest", 0))
    rows = "".join(f"    {key!r}: {value!r},\n" for key, value in table.items())
    TO.write_text(
        '"""Recorded, not computed on the page: python -m training.recorded.mixed_precision, '
        f'{date.today():%d %B %Y}."""\n\nBEFORE = {above(weights):.4f}  # nats above the floor on courteous texts\n'
        f"# (rate, way): of seeds 0, 1, 2 the loss above the floor after {STEPS} steps, and the share of BF16 weights\n"
        f"# that the last step left as they were\nSMALL_STEPS = {{\n{rows}}}\n"
    )


if __name__ == "__main__":
    main()
