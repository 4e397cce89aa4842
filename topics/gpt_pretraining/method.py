"""GPT pretraining: predict the next token of a text, everywhere in it at once, and take a step.

V tokens in the vocabulary   T tokens in a window   x_t the token at position t   p_t the law of the token after it
θ parameters   g their gradient   η rate   d width   L layers   N parameters in all   D tokens read in training
Losses are in nats. A FLOP is one addition or one multiplication, so a multiply-add is two.
"""

import numpy as np

from topics.kit.model.autograd import cross_entropy  # noqa: F401
from topics.kit.model.bpe import bpe_encode, bpe_train  # noqa: F401
from topics.kit.model.lm import probabilities
from topics.kit.model.optimizers import adamw_step, cosine_schedule, muon_step, wsd_schedule  # noqa: F401

# ---- who may see whom


def causal_mask(T):
    """True where the token of the row may look at that of the column: itself, and all before it.

    returns  (T, T) bool

    >>> causal_mask(2).tolist()
    [[True, False], [True, True]]
    """
    return np.arange(T) <= np.arange(T)[:, None]  # (T, T)


def document_mask(documents):
    """The same in a window of several documents: only tokens of one's own may be seen (eq:mask).

    documents  (T,)  the number of the document that each token belongs to
    returns    (T, T) bool

    >>> document_mask(np.array([0, 0, 1])).astype(int).tolist()
    [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    """
    same = documents[:, None] == documents  # (T, T)
    return causal_mask(len(documents)) & same


# ---- from a law to a token


def sample(logits, rng, **law):
    """Draw a token from logits (V,). law: temperature, top_k, top_p and min_p, as lm.probabilities takes them.

    >>> sample(np.array([1.0, 3.0, 2.0]), np.random.default_rng(0), top_k=1)
    1
    """
    return int(rng.choice(len(logits), p=probabilities(logits, **law)))


# ---- what it comes to


def gpt2_parameters(L, d, V=50_257, T=1024):
    """Parameters of a GPT-2 (eq:count): token and position vectors, layers with biases and two norms, a last norm. The
    output matrix is the token vectors again, and counts once.

    >>> gpt2_parameters(12, 768)
    124439808
    """
    return V * d + T * d + L * (12 * d**2 + 13 * d) + 2 * d


def training_flops(N, D):
    """FLOP to train N parameters on D tokens, attention's scores left out: 2 forwards and 4 backwards (eq:flops).

    >>> training_flops(10, 100)
    6000
    """
    return 6 * N * D
