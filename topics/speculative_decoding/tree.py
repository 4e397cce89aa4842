"""Guesses that branch: a tree of them, checked by one pass of the house model.

T words so far   n guesses in the tree   V words of the language
"""

from functools import cache

import numpy as np

from topics.kit import (
    Badge,
    Choice,
    Figure,
    Matrix,
    Metrics,
    Note,
    Slider,
    Table,
    Text,
    Toggle,
    bars,
    demo,
    lm,
    max_abs_difference,
    softmax,
)
from topics.kit.model.text import decode, encode, held_out, read
from topics.speculative_decoding.decoding import DRAFT, EXIT, drafter, laws
from topics.speculative_decoding.method import tree_mask

TEXT = "[polite] story : Anna has keys . Ben has maps ."
CHAIN, WIDE, SURE = "a chain", "all at the first place", "a tree, where the draft is sure"


@demo(
    "model",
    "target",
    "draft",
    n=Slider("Guesses in a pass", 2, 10, value=8),
    shape=Choice("Shape", (CHAIN, WIDE, SURE), value=SURE),
    text=Text("Text so far", TEXT, suggest=True,
              examples=("[polite] answer : 3 7 4 + 2 5 8 =", "[polite] facts : dogs")),
    kind=Choice("Draft", (DRAFT, EXIT), value=DRAFT),
    wrong=Toggle("Break it: each guess sees all before it, its rivals too"),
)  # fmt: skip
def tree_of_guesses(n, shape, text, kind, wrong):
    """Guesses that branch, checked in one pass: the mask, the guesses, and the words that a pass gives on average."""
    words = read(text, 1, 80).tolist()
    trees = {name: grow(words, drafter(kind), n, name) for name in (CHAIN, WIDE, SURE)}
    brought = {name: expected_words(check(words, *tree[:2]), *tree[:2]) for name, tree in trees.items()}
    guesses, parents, sure = trees[shape]
    p = check(words, guesses, parents, wrong)  # (n+1, V)
    mask, depths = tree_mask([-1, *(i + 1 for i in parents)], 0)
    names = decode([words[-1], *guesses])
    seen = np.tri(n + 1, dtype=bool) if wrong else mask
    chance = survival(p, guesses, parents)
    return (
        Figure(
            [bars(["a chain", "first place", "tree"], list(brought.values()), "words a pass", "key",
                  text=[f"{b:.2f}" for b in brought.values()])],
            x_title=f"Shape of {n} guesses",
            y_title="Words a pass, on average",
            alt=f"{n} guesses after “{' '.join(decode(words[-3:]))}”: a chain gives {brought[CHAIN]:.2f} words a pass "
            f"on average, all at the first place {brought[WIDE]:.2f}, a tree {brought[SURE]:.2f}.",
            height=240,
            yaxis={"range": [0, 1.2 * max(brought.values())]},
        ),
        Matrix(
            [[1.0 if yes else None for yes in row] for row in seen],
            [f"{'· ' * depth}{name}" for depth, name in zip(depths, names, strict=True)],
            names,
            "Who sees whom in the pass, besides the text before",
            "weight",
            blank="not seen",
        ),
        Table(("guess", "after", "draft: sure of it", "target: comes to it"),
              [(names[i + 1], names[parents[i] + 1], float(sure[i]), float(chance[i])) for i in range(n)]),
        Metrics(("Words a pass, on average", float(1 + chance.sum()), "", "1 + the sum of the last column")),
        Badge("Laws in the tree against a pass for each branch: max|Δ|",
              max_abs_difference(p, branch_by_branch(words, guesses, parents)), 1e-4),
        _said(wrong, shape),
    )  # fmt: skip


def _said(wrong, shape):
    if wrong and shape != CHAIN:
        return Note("The pass believes that a rival was said before: its laws are those of another text.", "warning")
    return Note(
        "A guess sees the text, its own branch and itself, and stands at its own place, not at its place in the pass."
    )


def grow(words, model, n, shape):
    """n guesses after a text: their words, their parents (-1: the text itself), and the product of the draft's
    probabilities along each branch.

    Of all guesses that could be added, the surest is. (EAGLE-2, arXiv 2406.16858, goes on from the best of a whole
    layer at a time, and keeps the surest of all at the end.) In a chain only the newest guess may be gone on from, and
    "all at the first place" only the text.
    """
    guesses, parents, sure = [], [], []
    open_ = _offers(model, words, -1, 1.0, n)  # [(−product, parent, word)]
    while len(guesses) < n:
        open_.sort()
        product, parent, word = open_.pop(0)
        guesses.append(word)
        parents.append(parent)
        sure.append(-product)
        newest = len(guesses) - 1
        if shape == WIDE:
            continue
        offers = _offers(model, [*words, *branch(guesses, parents, newest)], newest, -product, n)
        open_ = offers if shape == CHAIN else open_ + offers
    return guesses, parents, np.array(sure)


def _offers(model, words, parent, product, n):
    """The n likeliest words after these, each with the product along its branch."""
    q = laws(model, words, None, 1.0)[-1].round(6)  # (V,)
    return [(-product * float(q[w]), parent, int(w)) for w in np.argsort(-q, kind="stable")[:n]]


def branch(guesses, parents, i):
    """The words from the text's end to guess i."""
    return [] if i < 0 else [*branch(guesses, parents, parents[i]), guesses[i]]


def check(words, guesses, parents, wrong=False):
    """The target's laws (n+1, V) after the text and after each guess, in one pass over the text's cache."""
    model, cache = lm.load("target"), lm.new_cache(lm.load("target"))
    t = len(words) - 1
    if t:
        lm.forward(model, words[:-1], cache)
    mask, depths = tree_mask([-1, *(i + 1 for i in parents)], t)
    if wrong:
        mask = None
    logits = lm.forward(model, [words[-1], *guesses], cache, mask=mask, positions=t + depths)
    return softmax(logits.astype(float))


def branch_by_branch(words, guesses, parents):
    """The same laws, by a plain pass for each branch."""
    model = lm.load("target")
    return np.array([laws(model, [*words, *branch(guesses, parents, i)], None, 1.0)[-1]
                     for i in range(-1, len(guesses))])  # fmt: skip


def survival(p, guesses, parents):
    """The probability that words drawn from the target's laws p (n+1, V) come to each guess, (n,)."""
    chance = np.zeros(len(guesses))
    for i, (word, parent) in enumerate(zip(guesses, parents, strict=True)):
        chance[i] = (chance[parent] if parent >= 0 else 1.0) * p[parent + 1, word]
    return chance


def expected_words(p, guesses, parents):
    """Words that a pass gives on average: one, and each guess that the drawn words come to."""
    return float(1 + survival(p, guesses, parents).sum())


def shape_words(shape, n=8):
    """Words a pass of a shape on average, after the text with which the demo opens."""
    words = encode(TEXT).tolist()
    tree = grow(words, drafter(DRAFT), n, shape)[:2]
    return expected_words(check(words, *tree), *tree)


@cache
def words_by_shape(n, kind="story", texts=3, draft=DRAFT):
    """Words a pass on average, of a chain, of all guesses at the first place and of a tree, at every fourth place of
    held-out texts; how often the tree beats the chain; and how many places these are."""
    found = []
    for each in held_out(texts, kind):
        numbers = encode(each.words).tolist()
        for t in range(4, len(numbers) - 2, 4):
            shapes = [grow(numbers[:t], drafter(draft), n, shape)[:2] for shape in (CHAIN, WIDE, SURE)]
            found.append([expected_words(check(numbers[:t], *tree), *tree) for tree in shapes])
    found = np.array(found)  # (places, 3)
    return (*found.mean(0).tolist(), float((found[:, 2] > found[:, 0] + 1e-9).mean()), len(found))
