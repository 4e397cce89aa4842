"""Records what the page on chain of thought shows of many sums: answered at once and worked out, with the working
spoilt, and voted on. Six models of the family; numpy and the kit only, seeded.

    OPENBLAS_NUM_THREADS=1 python -m training.recorded.chain_of_thought    # 15 minutes; goes on if stopped
"""

from datetime import date

import numpy as np

from topics.chain_of_thought.method import majority_vote, pass_at_k
from topics.chain_of_thought.sums import (
    KINDS,
    answer_in,
    at_once,
    drawn_sums,
    longest_carry,
    result,
    spoilt,
    worked,
)
from topics.chain_of_thought.votes import voted
from topics.chain_of_thought.writing import write_on
from topics.kit import lm
from training.recorded.kept import ROOT, kept

HERE = ROOT / "topics/chain_of_thought/recorded.py"
MODELS = ("target", "heads8-1", "heads8-2", "heads8-3", "draft", "quick")
SUMS, SPOILT, VOTED, CHAINS = 400, 200, 100, 64
KS = (1, 2, 4, 8, 16, 32, 64)
ASKED = {"at once": at_once, "worked": worked}


def main():
    with kept("chain_of_thought") as (done, once):
        for name in MODELS:
            model = lm.read(ROOT / f"training/runs/{name}.safetensors")
            for digits in (1, 2, 3, 4):
                for how in ASKED:
                    once(f"sums {name} {how} {digits}", lambda m=model, h=how, d=digits: by_digits(m, h, d))
            once(f"carries {name}", lambda m=model: by_carries(m))
            for kind in KINDS:
                for column in (1, 2, 3) if kind in ("one wrong digit", "cut short") else (2,):
                    once(f"spoilt {name} {kind} {column}", lambda m=model, k=kind, c=column: judged(m, k, c))
            for how in ASKED:
                once(f"votes {name} {how}", lambda m=model, h=how: by_votes(m, h))
        write(done)


def share(found):
    return round(float(np.mean(found)), 4)


def by_digits(model, how, digits):
    """Share right, and words written of a sum."""
    sums = drawn_sums(SUMS, digits)
    texts = write_on(model, [ASKED[how](*each) for each in sums], 48)
    right = [answer_in(text) == result(*each) for text, each in zip(texts, sums, strict=True)]
    return share(right), round(float(np.mean([len(text) for text in texts])), 2)


def by_carries(model):
    """Three digits at once: share right and sums, by the longest run of carries."""
    sums = drawn_sums(4 * SUMS, 3)
    right = {0: [], 1: [], 2: []}
    for text, each in zip(write_on(model, [at_once(*each) for each in sums], 8), sums, strict=True):
        right[longest_carry(*each)].append(answer_in(text) == result(*each))
    return [(share(found), len(found)) for found in right.values()]


def judged(model, kind, column):
    """Shares of true answers, and of those that the spoilt working says."""
    sums = drawn_sums(SPOILT, 3, start=5_000)
    prompts, says = spoilt(sums, kind, column)
    given = [answer_in(text) for text in write_on(model, prompts, 8)]
    return share([x == result(*each) for x, each in zip(given, sums, strict=True)]), share(
        [x is not None and x == said for x, said in zip(given, says, strict=True)]
    )


def by_votes(model, how):
    """At each k, the share right by vote and by any; then the words of an answer, and the share of sums whose likeliest
    answer is the right one."""
    sums = drawn_sums(VOTED, 3, start=8_000)
    texts = []
    for i, each in enumerate(sums):
        texts += write_on(model, [ASKED[how](*each)] * CHAINS, 48, T=1.0, seed=i)
    found = [-1 if (said := answer_in(text)) is None else said for text in texts]
    answers = np.array(found).reshape(VOTED, CHAINS)
    truth = [result(*each) for each in sums]
    right = (answers == np.array(truth)[:, None]).sum(1)
    return (
        [share([voted(row, true, k) for row, true in zip(answers.tolist(), truth, strict=True)]) for k in KS],
        [share([pass_at_k(CHAINS, int(c), k) for c in right]) for k in KS],
        round(float(np.mean([len(text) for text in texts])), 2),
        share([majority_vote([x for x in row if x >= 0]) == y for row, y in zip(answers.tolist(), truth, strict=True)]),
    )


def write(done):
    def told(what):
        return {key.removeprefix(what + " "): value for key, value in done.items() if key.startswith(what + " ")}

    tables = {
        "BY_DIGITS": ("model, how, digits: share right of 400 sums, words written of one", told("sums")),
        "BY_CARRIES": ("model: three digits at once by the longest run of carries 0, 1, 2: share right, sums",
                       told("carries")),
        "SPOILT": ("model, kind, column: share of true answers, of what the working says", told("spoilt")),
        "VOTES": ("model, how: by k = 1, 2, 4 … 64, share right by vote and by any of k; words; right in plurality",
                  told("votes")),
    }  # fmt: skip
    lines = [
        '"""What six models of the family make of sums, as recorded for the page on chain of thought.\n',
        "OPENBLAS_NUM_THREADS=1 python -m training.recorded.chain_of_thought",
        f'{date.today()}\n"""\n',
    ]
    for name, (what, table) in tables.items():
        lines += [f"# {what}", f"{name} = {{"]
        lines += [f"    {key!r}: {value!r}," for key, value in table.items()]
        lines += ["}", ""]
    HERE.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
