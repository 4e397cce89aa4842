"""What a model can do, on texts that no training has seen: losses above the floor, and accuracy by skill."""

from collections import defaultdict
from random import Random

import torch

from topics.kit.model.language import BLUNT, END, HELD_OUT, KINDS, WORDS, text, write
from topics.kit.model.text import NUMBER
from training.data import PAD, split, tensors, words_in

TEXTS = 400  # of each kind
SUMS = 400  # of each length, direct and with working


@torch.no_grad()
def evaluate(model):
    """{"kinds": {kind: loss, floor, words}, "skills": {skill: accuracy by distance}, "sums": {…}}."""
    model.eval()
    kinds, right = {}, defaultdict(lambda: [0, 0])
    for kind, texts in texts_by_kind().items():
        total = floor = count = 0
        for part in split(texts):
            words, targets, low = tensors(part)
            logits, _ = model(words)
            real = targets != PAD
            losses = torch.nn.functional.cross_entropy(
                logits.transpose(1, 2), targets, ignore_index=PAD, reduction="none"
            )
            total, floor, count = total + losses.sum().item(), floor + low.sum().item(), count + int(real.sum())
            best = logits.argmax(-1)
            for row, each in enumerate(part):
                for place, answer in each.answers.items():
                    cell = right[answer.skill, answer.distance]
                    cell[0] += int(best[row, place - 1] == targets[row, place - 1])
                    cell[1] += 1
        kinds[kind] = {"loss": total / count, "floor": floor / count, "words": count}
    skills = defaultdict(dict)
    for (skill, distance), (good, of) in sorted(right.items()):
        skills[skill][distance] = [good, of]
    return {"kinds": kinds, "skills": dict(skills), "sums": {k: sums(model, k) for k in ("answer", "explain")}}


def texts_by_kind():
    """TEXTS held-out texts of each kind, sorted by length: drawn from the whole language, so that the floor holds."""
    found, seed = {kind: [] for kind in KINDS}, HELD_OUT + 10_000
    while any(len(texts) < TEXTS for texts in found.values()):
        each, seed = write(seed), seed + 1
        if len(found[each.words[1]]) < TEXTS:
            found[each.words[1]].append(each)
    return {kind: sorted(texts, key=words_in) for kind, texts in found.items()}


@torch.no_grad()
def sums(model, kind):
    """{digits: [right, of]} of sums that the model writes to their end by itself, taking the likeliest word."""
    found = {}
    for digits in (1, 2, 3):
        problems = list(distinct(kind, digits, SUMS))
        stem = torch.tensor([[NUMBER[w] for w in prompt] for prompt, _ in problems])
        n = stem.shape[1]
        ended = torch.zeros(len(stem), dtype=torch.bool)
        while not ended.all() and stem.shape[1] < 64:
            new = model(stem)[0][:, -1].argmax(-1)
            stem = torch.cat([stem, new[:, None]], 1)
            ended |= new == NUMBER[END]
        good = 0
        for row, (_, result) in zip(stem[:, n:].tolist(), problems, strict=True):
            said = " ".join(WORDS[i] for i in row).split(END)[0]
            good += said.split(".")[0].split("=")[-1].split() == list(result)
        found[digits] = [good, len(problems)]
    return found


def distinct(kind, digits, n):
    """Up to n different problems: the prompt as words, up to its = or ;, and the digits of the result."""
    rng, seen = Random(HELD_OUT + 77_000 + digits), set()
    for _ in range(60 * n):
        words = write(rng, text(BLUNT, kind)).words
        prompt = words[: words.index("=" if kind == "answer" else ";") + 1]
        if len(prompt) == 5 + 2 * digits and prompt not in seen:
            seen.add(prompt)
            sign = "+" if "+" in prompt else "-"
            a, b = "".join(prompt[3:-1]).split(sign)
            yield prompt, str(int(a) + int(b) if sign == "+" else int(a) - int(b))
        if len(seen) == n:
            return
