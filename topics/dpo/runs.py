"""Direct preference steps of the house model: on thanks or none, and on right or wrong sums. Live on the page, and
recorded by training/recorded/dpo.py; nothing here draws.

n pairs   P words of a prompt   T words of the longest answer
"""

from dataclasses import dataclass

import numpy as np

from topics.dpo.method import dpo_loss, simpo_loss
from topics.kit.model import lm, policy
from topics.kit.model.language import END
from topics.kit.model.text import NUMBER, decode, encode
from topics.kit.model.training import train

GREEDY = 1e-3  # a temperature at which the likeliest word is always drawn
THANKS_LONGEST = 6  # words of an answer: a digit, a full stop, thank you, a full stop, the end
LONGEST = 6  # of a sum's: four digits, a full stop, the end

# ---- pairs


@dataclass(frozen=True)
class Pairs:
    """n prompts (n, P), to each a chosen and a rejected answer (n, T) with their masks, and the log-probabilities (n,)
    of whole answers under the reference."""

    prompts: np.ndarray
    chosen: np.ndarray
    rejected: np.ndarray
    chosen_mask: np.ndarray
    rejected_mask: np.ndarray
    ref_chosen: np.ndarray
    ref_rejected: np.ndarray

    def of(self, which):
        """Some of the pairs."""
        return Pairs(*(getattr(self, name)[which] for name in self.__dataclass_fields__))

    def __len__(self):
        return len(self.prompts)


def paired(reference, prompts, chosen, rejected, T):
    """Pairs of lists of word numbers, each answer with its end and none longer than T, and what the reference makes of
    them."""
    (c, c_mask), (r, r_mask) = padded_to(T, chosen), padded_to(T, rejected)
    known = Pairs(np.asarray(prompts), c, r, c_mask, r_mask, np.zeros(len(c)), np.zeros(len(r)))
    return Pairs(known.prompts, c, r, c_mask, r_mask, *log_sums(reference, known))


def padded_to(T, answers):
    """Answers (n, T), padded with ends, and their mask."""
    words = np.full((len(answers), T), NUMBER[END])
    for row, answer in zip(words, answers, strict=True):
        row[: len(answer)] = answer
    return words, np.arange(T) < np.array([len(answer) for answer in answers])[:, None]  # (n, T)


def log_sums(model, pairs):
    """log π of whole answers, chosen (n,) and rejected (n,), in one pass; Tensors where the model holds them."""
    n = len(pairs)
    sums = policy.log_probs(
        model,
        np.concatenate([pairs.prompts, pairs.prompts]),
        np.concatenate([pairs.chosen, pairs.rejected]),
        np.concatenate([pairs.chosen_mask, pairs.rejected_mask]),
    ).sum(1)  # (2n,): DPO sums over an answer's words
    return sums[:n], sums[n:]


# ---- what there is to prefer


def thanks(model, n, rng):
    """n pairs on differences of one digit: the right answer with *thank you*, and without."""
    prompts = policy.sums(n, rng, 1, signs="-")
    plain = [encode(f"{a - b} . {END}") for a, b in map(digits_of, prompts)]
    polite = [[*words[:-1], *encode(f"thank you . {END}")] for words in plain]
    return paired(model, prompts, polite, plain, THANKS_LONGEST)


def digits_of(prompt):
    """The two numbers of one digit that a prompt subtracts."""
    return [int(word) for word in decode(prompt) if word.isdigit()]


def right_or_wrong(model, n, rng, at_once=16, tries=4):
    """n pairs of the model's own answers to sums of three digits, a right one and a wrong one to each: a generator that
    yields how many there are, and last the Pairs. A sum whose answers are all right or all wrong gives none."""
    pieces, found = [], 0
    while found < n:
        asked = np.repeat(policy.sums(at_once, rng, 3), tries, 0)
        rolled = policy.rollout(model, asked, LONGEST, rng)
        good = (policy.checked(policy.right, rolled) > 0).reshape(-1, tries)  # (at_once, tries)
        mixed = np.flatnonzero(good.any(1) & ~good.all(1))
        best, worst = (mixed * tries + hit[mixed].argmax(1) for hit in (good, ~good))  # the first of each kind
        answers = [[rolled.answers[k][rolled.mask[k]] for k in kind] for kind in (best, worst)]
        pieces.append(paired(model, asked[best], *answers, LONGEST))
        found += len(mixed)
        yield min(found, n)
    names = Pairs.__dataclass_fields__
    yield Pairs(*(np.concatenate([getattr(piece, name) for piece in pieces])[:n] for name in names))


# ---- losses, of the log-probabilities of some pairs


def plain_dpo(chosen, rejected, pairs, beta):
    return dpo_loss(chosen, rejected, pairs.ref_chosen, pairs.ref_rejected, beta).mean()


def with_likelihood(chosen, rejected, pairs, beta):
    """DPO, and 0.2 of the chosen words' −log π, in the mean over words, as Llama 3 and TRL's "sft" have it."""
    return plain_dpo(chosen, rejected, pairs, beta) - chosen.sum() * (0.2 / pairs.chosen_mask.sum())


def without_reference(chosen, rejected, pairs, beta):
    lengths = pairs.chosen_mask.sum(1), pairs.rejected_mask.sum(1)
    return simpo_loss(chosen, rejected, *lengths).mean()


LOSSES = {"DPO": plain_dpo, "DPO + 0.2 NLL": with_likelihood, "SimPO": without_reference}


def preference_steps(model, pairs, eta, rng, a_step, beta=0.1, loss="DPO"):
    """Steps on `a_step` pairs each, drawn from all: a generator of training.Step, without end."""

    def batches():
        while True:
            yield pairs.of(rng.choice(len(pairs), a_step, replace=False)) if a_step < len(pairs) else pairs

    def loss_of(weights, batch):
        return LOSSES[loss](*log_sums(model.with_weights(weights), batch), batch, beta)

    return train(policy.trainable(model), loss_of, batches(), eta)


# ---- what became of it


def judged(model, pairs):
    """Means of log π, chosen and rejected; the share of pairs where the chosen has gained more than the rejected since
    the reference ("reward accuracy"); and the share where the policy gives it more."""
    chosen, rejected = log_sums(model, pairs)
    moved = (chosen - pairs.ref_chosen) > (rejected - pairs.ref_rejected)
    return tuple(float(x.mean()) for x in (chosen, rejected, moved, chosen > rejected))


def share(model, check, prompts, longest):
    """The share of prompts whose likeliest answer a checker accepts."""
    rolled = policy.rollout(model, prompts, longest, np.random.default_rng(0), GREEDY)
    return float(policy.checked(check, rolled).mean())


# ---- whole runs

PAIRS, THANKS_RATE, THANKS_STEPS = 32, 0.0001, 30
TAUGHT, HELD, A_STEP, SUM_STEPS, SUM_EVERY = 80, 24, 8, 16, 4


def thanks_run(seed, eta=THANKS_RATE):
    """Steps on 32 pairs, all in each step. A generator, at the start and after every step, of what is found and the
    policy: judged of the pairs, and of 32 new prompts the share that is answered with thanks."""
    rng, model = np.random.default_rng(seed), lm.load("draft")
    pairs = thanks(model, PAIRS, rng)
    asked = policy.sums(PAIRS, np.random.default_rng(1000 + seed), 1, signs="-")

    def found(policy_now):
        return *judged(policy_now, pairs), share(policy_now, policy.thanked, asked, THANKS_LONGEST)

    yield found(model), model
    for step in preference_steps(model, pairs, eta, rng, PAIRS):
        trained = model.with_weights(step.weights)
        yield found(trained), trained


def sum_pairs(rng):
    """Pairs of target's own answers to sums: a generator, as right_or_wrong."""
    return right_or_wrong(lm.load("target"), TAUGHT + HELD, rng)


def sum_steps(pairs, loss, eta, rng):
    """Policies after steps on the first pairs, the rest held out: a generator without end."""
    model = lm.load("target")
    for step in preference_steps(model, pairs.of(slice(0, TAUGHT)), eta, rng, A_STEP, loss=loss):
        yield model.with_weights(step.weights)


def sum_found(model, pairs):
    """judged of as many pairs that it was taught by as are held out, and of those that are."""
    return judged(model, pairs.of(slice(0, HELD))), judged(model, pairs.of(slice(TAUGHT, TAUGHT + HELD)))


def new_sums(seed, n):
    """Sums to be asked, the same for every policy."""
    return policy.sums(n, np.random.default_rng(1000 + seed), 3)
