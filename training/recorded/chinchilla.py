"""Records the runs that the page on scaling laws fits: of each its parameters, the words that it read, and its losses
by kind of text, from training/results/. Trains nothing; PyTorch is not needed.

    python -m training.recorded.chinchilla
"""

from datetime import date

from topics.kit.model.language import KINDS
from training.recorded.kept import ROOT
from training.report import results, share

HERE = ROOT / "topics/chinchilla/recorded.py"
LONGER = ("heads8-1", "heads8-2", "heads8-3", "target")  # further runs of the largest size, on more words


def scaling_runs():
    """The results of the runs that a law is fitted to, by name: one family, trained in one way."""
    return {name: run for name, run in results().items() if name.startswith("scale") or name in LONGER}


def row(run):
    """(parameters, of these the embedding, words read, seed, the losses of KINDS in nats a word, and the share of a
    song's repeated words that come right, two words or more into the repeat)."""
    size = run["plan"]["size"]
    return (
        run["parameters"],
        size["V"] * size["d"],
        run["curve"][-1][0],
        run["plan"]["seed"],
        *(round(run["kinds"][kind]["loss"], 4) for kind in KINDS),
        round(share(run, "copy", 2)[0], 3),
    )


def main():
    runs = scaling_runs()
    kinds = runs["target"]["kinds"]
    words = {kind: KINDS[kind] * kinds[kind]["words"] for kind in KINDS}
    shares = {kind: round(words[kind] / sum(words.values()), 4) for kind in KINDS}
    floors = {kind: round(kinds[kind]["floor"], 4) for kind in KINDS}
    lines = [
        f'"""Recorded on {date.today()} by `python -m training.recorded.chinchilla`, from training/results/."""',
        "",
        "# of all words, those in each kind of text, and the floor under their losses, in nats a word",
        f"SHARES = {shares}",
        f"FLOORS = {floors}",
        "",
        "# parameters, of these the embedding, words read, seed, the losses of these kinds in that order, in nats a",
        "# word, and the share of a song's repeated words that come right, two words or more into the repeat",
        "RUNS = [",
        *(f"    {row(run)}," for run in sorted(runs.values(), key=lambda r: (r["parameters"], r["curve"][-1][0]))),
        "]",
    ]
    HERE.write_text("\n".join(lines).replace("{'", '{"').replace("':", '":').replace(", '", ', "') + "\n")


if __name__ == "__main__":
    main()
