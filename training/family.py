"""Every run that the pages speak of: what is trained, on what, for how long. Knows no PyTorch."""

from dataclasses import dataclass, field
from pathlib import Path

from topics.kit.model.language import WORDS

MILLION = 1_000_000
HERE = Path(__file__).parent
RUNS, RESULTS = HERE / "runs", HERE / "results"  # each run's weights, and how it went


@dataclass(frozen=True)
class Plan:
    """One training run.

    size    d, L, H, H_kv, F, E, active of training.model.Shape, where they are not the target's
    texts   which texts it sees: "all" of the language, or a fine-tune's name in training.data
    start   the run whose weights it begins with, its key/value heads pooled where there are to be fewer; "" for random
            ones
    muon    Muon for the layers' matrices; AdamW when false
    """

    size: dict = field(default_factory=dict)
    seed: int = 1
    words: int = 24 * MILLION
    rate: float = 6e-3
    texts: str = "all"
    start: str = ""
    muon: bool = True

    @property
    def shape(self):
        sizes = {"V": len(WORDS), "d": 96, "L": 4, "H": 8, "H_kv": self.size.get("H", 8), "D": 16, "F": 224}
        return sizes | self.size


DRAFT = {"d": 40, "L": 2, "H": 4, "D": 10, "F": 112}
MIXTURE = {"F": 64, "E": 8, "active": 2}
SIZES = {  # for the scaling law, by their parameters in thousands
    "4k": {"d": 12, "L": 1, "H": 1, "D": 12, "F": 32},
    "9k": {"d": 16, "L": 2, "H": 2, "D": 8, "F": 44},
    "17k": {"d": 24, "L": 2, "H": 2, "D": 12, "F": 64},
    "42k": {"d": 32, "L": 3, "H": 4, "D": 8, "F": 88},
    "118k": {"d": 48, "L": 4, "H": 4, "D": 12, "F": 128},
    "457k": {},
}

PLANS = {"target": Plan(), "draft": Plan(DRAFT, rate=1e-2)}
PLANS |= {f"heads{h}-{s}": Plan({"H_kv": h}, s, 5 * MILLION) for s in (1, 2, 3) for h in (8, 4, 2, 1)}
TUNED = {"words": MILLION, "rate": 5e-4, "start": "target", "muon": False}  # small steps, as such a change is made
PLANS |= {name: Plan(texts=name, **TUNED) for name in ("courteous", "quick")}
PLANS |= {  # how much of it is the seed's: shorter runs, since they need no more
    f"{name}-{seed}": Plan(texts=name, seed=seed, **TUNED | {"words": words})
    for name, words in (("courteous", 4 * MILLION // 10), ("quick", 3 * MILLION // 10))
    for seed in (2, 3)
}
PLANS |= {  # conversion as in GQA: heads pooled, then 5 % of the words again
    f"pooled{h}": Plan({"H_kv": h}, words=24 * MILLION // 20, rate=1e-3, start="target", muon=False) for h in (4, 2, 1)
}
PLANS |= {f"mixture{'' if s == 1 else f'-{s}'}": Plan(MIXTURE, s, 3 * MILLION) for s in (1, 2, 3)}
PLANS |= {
    f"scale{size}-{half / 2:g}M-{seed}": Plan(shape, seed, half * MILLION // 2)
    for size, shape in SIZES.items()
    for half, seeds in ((1, (1,)), (2, (1, 2, 3)), (4, (1,)), (8, (1,)))
    for seed in seeds
    if seed == 1 or size != "457k"
    if half < 8 or size in ("4k", "9k", "17k", "42k")  # heads8-1 … heads8-3 are longer runs of the largest
}


def waves(names):
    """The names in two lists, to be trained one after the other: a run with a `start` needs that run's weights."""
    return [[name for name in names if bool(PLANS[name].start) == later] for later in (False, True)]


def missing_starts(names):
    """The runs that these begin with and that are neither among them nor trained already."""
    starts = {PLANS[name].start for name in names} - {"", *names}
    return sorted(start for start in starts if not (RUNS / f"{start}.safetensors").is_file())
