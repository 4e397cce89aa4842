"""Adapters on the house model in few bits: `OPENBLAS_NUM_THREADS=1 python -m training.recorded.qlora` (20 minutes).

Reads topics/data/target.safetensors alone. Three seeds each:
- rank 4, 80 steps of four courteous texts, on NF4 and on the 16-bit base, at three rates; then put back in four ways;
- the same with the adapter kept in four bits, too, 60 steps;
- what rounding to 2, 3 and 4 bits costs on all texts, and what an adapter of rank 1, 4 or 16 regains in 40 steps.
Writes topics/qlora/recorded.py, and the adapter of rate 0.001 and seed 0 as topics/data/qlora.safetensors. What is done
is kept in a file beside this one until all is, so that it may be stopped.
"""

import json
from datetime import date
from itertools import product
from pathlib import Path

import numpy as np

from topics.kit.model import adapters
from topics.qlora import house
from training.recorded.kept import kept

SEEDS, RATES = (0, 1, 2), (0.001, 0.003, 0.01)
STEPS, STEPS_OF_REPAIR, RATE_OF_REPAIR = 80, 40, 0.01
TEXTS, STEPS_SHOWN = 36, 60
KEPT = (0.001, 0)  # rate and seed of the adapter that the page runs
TO, DATA = Path("topics/qlora/recorded.py"), Path("topics/data/qlora.safetensors")


def trained(steps, *how, **more):
    run = house.training(*how, **more)
    for _ in range(steps):
        factors = next(run).weights
    return factors


def manners(rate, seed):
    """Excess loss of no adapter, of the four ways, of one trained on 16 bits; sizes; what survives; codes changed."""
    texts = house.judged(house.MANNERS, TEXTS)
    factors = trained(STEPS, 4, 64, house.MANNERS, house.RANK, rate, seed)
    if (rate, seed) == KEPT:
        save(factors)
    change = house.change_of(factors)
    on_16 = trained(STEPS, 4, 64, house.MANNERS, house.RANK, rate, seed, start=house.base())
    wanted = house.together(change)
    row = {"none": adapters.body_excess(house.coded(4), texts)}
    row |= {way: adapters.body_excess(house.put_back(change, 4, 64, way), texts) for way in house.WAYS}
    row["trained on 16 bits"] = adapters.body_excess(house.beside(house.base(), on_16), texts)
    row["size"] = float(np.sqrt(np.mean(wanted**2)))
    for way in (house.INTO_CODES, house.INTO_16):
        row[f"{way}, survives"] = house.survived(change, 4, 64, way)
        row[f"{way}, changed"] = house.codes_changed(change, 4, 64, way)
    return row


def repair(bits, r, seed):
    """Loss above the floor on all texts: in codes, and with an adapter that learnt on them. Rank 0: before."""
    texts = house.judged(house.REPAIR, TEXTS)
    if r == 0:
        return adapters.body_excess(house.coded(bits) if bits < 16 else house.base(), texts)
    factors = trained(STEPS_OF_REPAIR, bits, 64, house.REPAIR, r, RATE_OF_REPAIR, seed)
    return adapters.body_excess(house.beside(house.coded(bits), factors), texts)


def learnt(broken, seed):
    """Excess loss as the page's live demo has it after STEPS_SHOWN steps."""
    factors = trained(STEPS_SHOWN, 4, 64, house.MANNERS, house.RANK, KEPT[0], seed, broken)
    return adapters.body_excess(house.beside(house.coded(4), factors), house.judged(house.MANNERS))


def save(factors):
    """Factors in float16, in the format of safetensors."""
    header, at, parts = {"__metadata__": {"made": "python -m training.recorded.qlora"}}, 0, []
    for name, w in factors.items():
        raw = w.astype(np.float16).tobytes()
        header[name] = {"dtype": "F16", "shape": list(w.shape), "data_offsets": [at, at + len(raw)]}
        at += len(raw)
        parts.append(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    DATA.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(parts))


def rounded(x, digits=4):
    return {key: round(value, digits) for key, value in x.items()} if isinstance(x, dict) else round(x, digits)


def main():
    with kept("qlora") as (_, once):
        tuned = {rate: [rounded(once(f"manners {rate} {seed}", lambda rate=rate, seed=seed: manners(rate, seed)))
                        for seed in SEEDS] for rate in RATES}  # fmt: skip
        before = {bits: rounded(once(f"rounded {bits}", lambda bits=bits: repair(bits, 0, 0)))
                  for bits in (16, 4, 3, 2)}  # fmt: skip
        after = {(bits, r): [rounded(once(f"repair {bits} {r} {seed}",
                                          lambda bits=bits, r=r, seed=seed: repair(bits, r, seed))) for seed in SEEDS]
                 for bits, r in product((4, 3, 2), (1, 4, 16))}  # fmt: skip
        shown = {broken: [rounded(once(f"learnt {broken} {seed}",
                                       lambda broken=broken, seed=seed: learnt(broken, seed))) for seed in SEEDS]
                 for broken in (False, True)}  # fmt: skip
        TO.write_text(
            f'"""Adapters trained on the house model in few bits, three seeds each.\n\nMade on {date.today()} by '
            '`OPENBLAS_NUM_THREADS=1 python -m training.recorded.qlora`.\n"""\n\n'
            f"# rate: of each seed the loss above the floor (nats a word, {TEXTS} courteous texts, after the colon)\n"
            "# without an adapter and put back in four ways; the size of the change, root mean square; what survives\n"
            f"TUNED = {tuned!r}\n\n"
            "# bits: loss above the floor on all texts; 16 is the base as it is\n"
            f"ROUNDED = {before!r}\n\n"
            f"# (bits, rank): the same with an adapter after {STEPS_OF_REPAIR} steps, of each seed\n"
            f"REPAIRED = {after!r}\n\n"
            "# whether the adapter was kept in four bits: loss above the floor after "
            f"{STEPS_SHOWN} steps at {KEPT[0]}\n"
            f"LEARNT = {shown!r}\n"
        )


if __name__ == "__main__":
    main()
