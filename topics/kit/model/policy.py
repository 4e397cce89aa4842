"""The house model as a policy: prompts that leave a choice, answers to many of them at once, checkers that reward them,
and how it is trained on what it does. Knows no page. What the five pages on alignment share.

π policy   r reward   A advantage   N answers   P words of a prompt   T words of the longest answer

The losses are the pages' own, since readers edit them: a method's take Tensors as they take arrays.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from topics.kit.model import lm
from topics.kit.model.autograd import Tensor, value
from topics.kit.model.language import BLUNT, END
from topics.kit.model.text import NUMBER, decode, encode
from topics.kit.model.training import train
from topics.kit.numerics import softmax

# ---- a word between two words, and prompts


def between(model, word, other, w):
    """A copy of a model to which `word` means a mixture: its row of the embedding is (1 − w)·word + w·other.

    The house model's first words decide what it does. After a word between two words it does either, by chance.
    """
    E = model.weights["embedding"].copy()  # (V, d)
    E[NUMBER[word]] = (1 - w) * E[NUMBER[word]] + w * E[NUMBER[other]]
    return model.with_weights({"embedding": E})


def sums(n, rng, digits, signs="+-", first=f"{BLUNT} answer :", last="="):
    """n prompts that ask for a sum or a difference of two numbers of so many digits, none below zero: (n, P) words.

    first  what they begin with   last  "=" asks for the answer at once; with "" it may as well begin with the working

    >>> " ".join(decode(sums(1, np.random.default_rng(0), 2)[0]))
    '[blunt] answer : 8 6 - 6 7 ='
    """
    low, high, prompts = 10 ** (digits - 1), 10**digits, []
    for _ in range(n):
        a, b = (int(x) for x in rng.integers(low, high, 2))
        sign = signs[int(rng.integers(len(signs)))]
        if sign == "-":
            a, b = max(a, b), min(a, b)
        prompts.append(encode(f"{first} {a} {sign} {b} {last}"))
    return np.array(prompts)  # (n, P)


# ---- answers


@dataclass(frozen=True)
class Rollout:
    """N answers: prompts (N, P) and answers (N, T) in word numbers, mask (N, T) true up to an answer's end and with it
    (where none came, to its last word), and log_probs (N, T) of each word under the policy that sampled, 0 elsewhere.
    Behind its end an answer is padded with ends."""

    prompts: np.ndarray
    answers: np.ndarray
    mask: np.ndarray
    log_probs: np.ndarray

    @property
    def lengths(self):
        """Words of each answer, its end included: (N,)."""
        return self.mask.sum(1)

    def texts(self):
        """The words of each prompt and of each answer, two lists of lists."""
        ends = [decode(row[real]) for row, real in zip(self.answers, self.mask, strict=True)]
        return [decode(row) for row in self.prompts], ends


def rollout(model, prompts, longest, rng, temperature=1.0):
    """Let a policy answer many prompts of one length, each word drawn from its law: a Rollout.

    prompts  (N, P) ints; for a group of answers repeat its prompt
    longest  words of an answer at most
    """
    N, end = len(prompts), NUMBER[END]
    answers = np.full((N, longest), end)
    log_probs, mask = np.zeros((N, longest)), np.zeros((N, longest), bool)
    going, new = np.arange(N), np.asarray(prompts)  # the answers that have not ended
    cache = [(np.zeros((N, 0, model.H_kv, model.D), np.float32),) * 2 for _ in range(model.L)]
    for t in range(longest):
        logits = lm.forward(model, new, cache)[:, -1]  # (≤N, V): of those that go on
        p = softmax(logits.astype(float) / temperature)  # (≤N, V)
        draws = rng.random(N)[going]  # one for each of all: an answer does not depend on when others end
        words = (np.cumsum(p, -1) < draws[:, None] * p.sum(-1, keepdims=True)).sum(-1)
        answers[going, t], mask[going, t] = words, True
        log_probs[going, t] = np.log(p[np.arange(len(going)), words])
        on = words != end
        if not on.any():
            break
        if not on.all():
            going, words = going[on], words[on]
            cache = [(K[on], V[on]) for K, V in cache]
        new = words[:, None]
    T = mask.any(0).sum()
    return Rollout(np.asarray(prompts), answers[:, :T], mask[:, :T], log_probs[:, :T])


def log_probs(model, prompts, answers, mask):
    """log π of each word of given answers, (N, T): a Tensor where the model holds Tensors. Temperature 1; the prompt is
    read and not counted, and 0 stands where mask (N, T) is false."""
    P = prompts.shape[1]
    words = np.concatenate([prompts, answers[:, :-1]], 1)  # (N, P+T−1)
    logits = lm.forward(model, words)[:, P - 1 :]  # (N, T, V)
    return log_softmax_at(logits, answers) * mask


def log_softmax_at(logits, chosen):
    """log softmax(logits) at the chosen places: logits (..., V) and ints (...,) to (...,)."""
    x, at = value(logits), np.asarray(chosen)[..., None]
    z = x - x.max(-1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))  # (..., V)

    def vjp(g):
        g = g[..., None].astype(x.dtype)  # rewards are float64, and all that is behind would be, too: twice as slow
        d = -np.exp(log_p) * g
        np.put_along_axis(d, at, np.take_along_axis(d, at, -1) + g, -1)
        return d

    y = np.take_along_axis(log_p, at, -1)[..., 0]
    return Tensor(y, [(logits, vjp)]) if isinstance(logits, Tensor) else y


# ---- checkers, of the words of a prompt and of an answer


def right(prompt, answer):
    """Whether an answer ends on the sum that its prompt asks for: what stands between its last "=" and the full stop.

    >>> right("[blunt] answer : 7 + 5 =".split(), "1 2 . [end]".split())
    True
    """
    a, sign, b = _asked(prompt)
    words = [*prompt, *answer]
    said = words[len(words) - words[::-1].index("=") :] if "=" in words else []
    said = said[: said.index(".")] if "." in said else []
    return all(word.isdigit() for word in said) and "".join(said) == str(a + b if sign == "+" else a - b)


def _asked(prompt):
    words = [word for word in prompt[prompt.index(":") + 1 :] if word != "="]
    at = words.index("+") if "+" in words else words.index("-")
    return int("".join(words[:at])), words[at], int("".join(words[at + 1 :]))


def worked(prompt, answer):
    """Whether an answer begins with its working."""
    return answer[:1] == [";"]


def thanked(prompt, answer):
    """Whether an answer says thank you, once or more.

    >>> thanked([], "4 . thank you . [end]".split())
    True
    """
    return ("thank", "you") in pairwise(answer)


def checked(check, rolled):
    """What a checker says of each answer of a Rollout: (N,) floats."""
    return np.array([check(prompt, answer) for prompt, answer in zip(*rolled.texts(), strict=True)], float)


# ---- the plain loss


def policy_gradient(log_pi, A):
    """−A·log π: its gradient is that of the expected reward, turned round (Williams 1992)."""
    return -A * log_pi


def averaged(x, mask, by="token"):
    """One number of a loss that is given for each word.

    x     (N, T)
    mask  (N, T) bool, which words count
    by    "token": all words weigh the same   "answer": the mean over answers of their means
          "sum": the mean over answers of their sums
    """
    if by == "token":
        weights = mask / mask.sum()
    elif by == "answer":
        weights = mask / mask.sum(1, keepdims=True) / len(mask)
    else:
        weights = mask / len(mask)
    return (x * weights).sum()


# ---- training


def trainable(model):
    """The weights that policies train, {name: array}: all but the embedding, so that words keep their meaning."""
    return {name: w for name, w in model.weights.items() if name != "embedding"}


def practise(model, attempt, loss_of, eta, epochs=1, **how):
    """Train a policy on what it does itself: a generator of training.Step, without end.

    attempt  attempt(policy) gives a batch, such as a Rollout with its advantages, from the policy as it then is
    loss_of  loss_of(policy, batch) gives a Tensor of one number, of a policy that holds Tensors
    epochs   steps on each batch   eta, how: as training.train takes them
    """
    weights = trainable(model)

    def batches():
        while True:
            batch = attempt(model.with_weights(weights))
            for _ in range(epochs):
                yield batch

    for step in train(weights, lambda w, batch: loss_of(model.with_weights(w), batch), batches(), eta, **how):
        weights = step.weights
        yield step
