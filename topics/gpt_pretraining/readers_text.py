"""The reader's own text: its signs as numbers, a part held out, what plain tables know of it, and a GPT made for it.

V kinds of sign   T signs of a window   d width   L layers   H heads of width D   F feed-forward width
"""

import numpy as np

from topics.kit import UnreadableError, lm
from topics.kit.model.training import new_model
from topics.kit.numerics import softmax

T_SMALL, L_SMALL, H_SMALL = 32, 2, 4  # of the small GPT
LABELS = ("the next character", "the one after that", "the character itself")  # what a GPT can be taught to predict
GAPS = dict(zip(LABELS, (1, 2, 0), strict=True))  # so many places on
LEAST = 400  # signs, or there is too little to hold out

_STORY = """
There was a small lamp on a small hill, and under the hill there was a small town by the sea. Every night the lamp was
lit, and every night the boats came home. The keeper of the lamp was old. She had one chair, one cup and one blue
coat, and she had a grey cat who slept in the chair when she was up and on the coat when she was not.

The people of the town never came up the hill. They were afraid of the old woman, because she talked to the cat and
the cat seemed to answer. But the children knew her. They brought her bread and fish in the summer, and in the winter
they brought her wood, and she told them the names of all the boats and of all the winds, one after the other, until
it was time to go home.

One night the wind came down from the north. It shook the doors of the town and it shook the windows of the house on
the hill, and at last it blew so hard that the lamp went out. The keeper lit it again. The wind blew it out again. The
keeper lit it three times, and three times the wind blew it out, and then there was no more oil in the can.

"Now the boats will not come home," said the keeper to the cat. The cat looked at the keeper, and then the cat looked
at the chair. It was an old chair, and it was dry, and it would burn.

So the keeper burned the chair. It burned for an hour, and one boat came home. Then she burned the table, and two more
boats came home. Then she burned the bed and the door and the shelf where the cup had stood, and the boats came home
one after the other, until there was only one boat left on the sea, and nothing left in the house but the cup, the
coat and the cat.

The keeper held the blue coat in her hands for a long time. "It is a warm coat," she said, "and the winter is not
over." Then she put the coat on the fire, and the fire was as high as the house, and the last boat saw it and came
home.

In the morning the people of the town came up the hill. They saw the house with no door and no bed and no table, and
they saw the old keeper asleep on the floor with the grey cat in her arms. Nobody said a word. They went down the hill
again, and all that day there was the sound of saws and hammers in the town.

The children were the first to come back. They carried a chair between them, and behind them came a man with a table
on his head, and behind him came a woman with a bed on a cart, and they all went very softly past the old keeper so
that she would not wake.

When the keeper woke up there was a door in the house, and it was a new door. There was a bed, and there was a table,
and there was a can of oil, and there was a shelf with the cup on it. On the wall there was a coat, and the coat was
blue. And by the fire there were two chairs, one of them large and one of them small.

The cat looked at the large chair, and then the cat looked at the small chair. Then it went to sleep in the large one,
and the keeper sat down in the small one, and that night the lamp was lit, and the boats came home.
"""
STORY = "\n\n".join(" ".join(lines.split()) for lines in _STORY.split("\n\n")) + "\n"  # a paragraph a line


def spread(text):
    """The signs of a text in order (V,), and the text as their numbers (N,). raises UnreadableError"""
    if len(text) < LEAST:
        raise UnreadableError(f"A text of at least {LEAST} characters, please: this one has {len(text)}.")
    signs, numbers = np.unique(list(text), return_inverse=True)
    if len(signs) < 2:
        raise UnreadableError("A text with more than one kind of character, please.")
    return [str(sign) for sign in signs], numbers


def parted(numbers):
    """A text's first nine tenths, to learn from, and its last tenth, to be judged by."""
    cut = len(numbers) * 9 // 10
    return numbers[:cut], numbers[cut:]


def table_losses(seen, held, V, added=0.1):
    """Nats a sign on `held` of two tables of counts from `seen`, with `added` to every count: of single signs, and of
    signs given the one before (eq:tables)."""
    single = np.bincount(seen, minlength=V) + added  # (V,)
    pairs = np.full((V, V), added)
    np.add.at(pairs, (seen[:-1], seen[1:]), 1)
    pairs /= pairs.sum(1, keepdims=True)
    return (
        float(-np.log(single[held[1:]] / single.sum()).mean()),
        float(-np.log(pairs[held[:-1], held[1:]]).mean()),
    )


def story_tables():
    """For the page's text: table_losses of the story."""
    signs, numbers = spread(STORY)
    return table_losses(*parted(numbers), len(signs))


def small_gpt(V, d, rng):
    """A GPT for V kinds of sign, width d, that has learnt nothing."""
    return new_model(rng, V, d, L_SMALL, H_SMALL, d // H_SMALL, 3 * d)


def labelled(batches, gap):
    """Batches whose targets are the signs `gap` places on: 1 is right, 2 are labels shifted twice, 0 not at all."""
    for tokens, following, _ in batches:
        rows = np.concatenate([tokens, following[:, -1:]], 1)  # (n, T+1)
        yield rows[:, : -gap or None], rows[:, gap:], None


def first_loss(seed=0):
    """For the page's text: the held-out loss of a small GPT that has learnt nothing of the story."""
    signs, numbers = spread(STORY)
    return held_out_loss(small_gpt(len(signs), 32, np.random.default_rng(seed)), parted(numbers)[1])


def held_out_loss(model, held, **how):
    """Nats a sign of a text (N,), in windows of T that don't overlap. how: as lm.forward takes it."""
    n = (len(held) - 1) // T_SMALL
    rows = held[: n * T_SMALL].reshape(n, T_SMALL)  # (n, T)
    next_ones = held[1 : n * T_SMALL + 1].reshape(n, T_SMALL)  # (n, T)
    p = softmax(lm.forward(model, rows, **how).astype(float))  # (n, T, V)
    return float(-np.log(np.take_along_axis(p, next_ones[..., None], -1)).mean())


def written(model, signs, rng, n=72, start="\n"):
    """n signs that a model writes, one after the other, seeing the last T: text."""
    numbers = [signs.index(start) if start in signs else 0]
    for _ in range(n):
        logits = lm.forward(model, np.array(numbers[-T_SMALL:]))[-1]  # (V,)
        numbers.append(int(rng.choice(len(signs), p=softmax(logits.astype(float)))))
    return "".join(signs[i] for i in numbers[1:])
