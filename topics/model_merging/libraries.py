"""TIES and DARE as two libraries compute them: the same words, other models. mergekit 0.1.5 and PEFT 0.21.2, read in
November 2026; each works on one array at a time. K changes   ρ density   w their weights
"""

import numpy as np

from topics.model_merging.method import dare, elect_sign, trim


def peft_ties(changes, w, density):
    """PEFT elects the signs before it weighs, and divides by how many agree.

    changes (K, ...)   w (K,)   returns (...)
    """
    kept = np.stack([trim(x, density) for x in changes])  # (K, ...)
    agree = kept * elect_sign(kept) > 0
    return _weighed(kept, w, agree) / np.maximum(agree.sum(0), 1)


def mergekit_ties(changes, w, density, normalize=True):
    """mergekit weighs first, so that weights vote, and divides by the weights that agree (or not at all).

    changes (K, ...)   w (K,)   returns (...)
    """
    kept = np.stack([trim(x, density) for x in changes])  # (K, ...)
    agree = kept * elect_sign(kept * _along(w, kept)) * np.sign(_along(w, kept)) > 0
    whole = (_along(w, kept) * agree).sum(0)
    return _weighed(kept, w, agree) / (np.where(whole == 0, 1, whole) if normalize else 1)


def mergekit_dare(x, p, rng):
    """What PEFT divides by 1 − p, mergekit scales so that the sizes sum to what they did before, whatever was drawn.

    x (...)   returns (...)
    """
    kept = dare(x, p, rng, rescale=False)
    left = np.abs(kept).sum()
    return kept * (np.abs(x).sum() / left) if left > 0 else kept


def _along(w, changes):
    return np.reshape(np.asarray(w, changes.dtype), (-1,) + (1,) * (changes.ndim - 1))  # (K, 1, ...)


def _weighed(kept, w, agree):
    return (kept * _along(w, kept) * agree).sum(0)
