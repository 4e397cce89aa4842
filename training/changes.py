"""What fine-tuning changed, cut to low ranks: the factors that the page on LoRA runs, and how much each rank holds.

    OPENBLAS_NUM_THREADS=1 python -m training.changes    # two minutes; numpy and safetensors

Takes the target and its fine-tunes courteous, courteous-2, courteous-3, quick, quick-2 and quick-3 in training/runs. Of
each layer's matrices the change, less what lies beyond a rank, is put on the target's; embedding and norms stay the
target's. Written are

    topics/data/changes.safetensors    factors of rank 16 of courteous and quick, and all singular values; in float16
    topics/lora/recorded_changes.py    what each rank holds, for all six
"""

from datetime import date
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file  # PyTorch's environment has it: training/requirements.txt

from topics.kit.model import lm
from topics.kit.model.adapters import matrices, with_adapter
from topics.lora.changes import CUT, judged, sums_right
from topics.lora.method import best_of_rank

ROOT = Path(__file__).resolve().parents[1]
RUNS, DATA, HERE = ROOT / "training/runs", ROOT / "topics/data", ROOT / "topics/lora/recorded_changes.py"
RANKS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 32, 96)
FAMILY = {"manners": ("courteous", "courteous-2", "courteous-3"), "sums": ("quick", "quick-2", "quick-3")}


def change_of(name):
    """{matrix: what fine-tuning added to it}"""
    target, tuned = lm.load("target"), lm.read(RUNS / f"{name}.safetensors")
    return {key: tuned.weights[key].astype(float) - target.weights[key] for key in matrices(target)}


def factors_of(change, r):
    """Factors of all matrices at rank r, as topics.kit.model.adapters names them."""
    factors = {}
    for key, D in change.items():
        factors[f"{key}.A"], factors[f"{key}.B"], _ = best_of_rank(D, r)
    return {key: x.astype(np.float32) for key, x in factors.items()}


def held(name, task):
    """[(nats above the floor, share of sums right or None)] at each of RANKS."""
    change, target, rows = change_of(name), lm.load("target"), []
    for r in RANKS:
        model = with_adapter(target, factors_of(change, r), 1.0) if r else target
        right = round(sums_right(model), 3) if task == "sums" else None
        rows.append((round(judged(model, task), 4), right))
    return rows


def main():
    kept = {}
    for task, names in FAMILY.items():
        change = change_of(names[0])
        kept |= {f"{task}.{key}": x for key, x in factors_of(change, CUT).items()}
        kept |= {f"{task}.{key}.sizes": best_of_rank(D, 1)[2] for key, D in change.items()}
    kept = {key: np.ascontiguousarray(x, np.float16) for key, x in kept.items()}
    save_file(kept, DATA / "changes.safetensors", metadata={"made by": "training/changes.py"})
    lines = [
        f'"""Recorded on {date.today()} by `python -m training.changes`: what the changes of six fine-tunes hold\n'
        "at each rank, on the texts of topics/lora/changes.py: nats a word above the floor, and for sums the share\n"
        'that is right."""\n',
        f"CUT_AT = {RANKS}  # ranks\n",
        "HELD = {",
    ]
    for task, names in FAMILY.items():
        there = [name for name in names if (RUNS / f"{name}.safetensors").exists()]
        lines += [f'    "{task}": (', *[f"        {held(name, task)}," for name in there], "    ),"]
    HERE.write_text("\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
