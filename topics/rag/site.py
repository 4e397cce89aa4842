"""What the page on retrieval searches: this site's passages, a few everyday ones, and vectors of words. Ranks nothing.

Files that a browser fetches: passages.json, lsa.safetensors (training/site_passages.py), words.safetensors
(training/word_vectors.py). What is made of them is kept, so that it is made once.
"""

import json
import zlib
from functools import cache
from typing import NamedTuple

import numpy as np

from topics.kit.model.data import data_file, tensors
from topics.rag.method import Index, idf, index_of
from topics.rag.words import stem, terms_of, words_of

FILES = ("passages.json", "lsa", "words")


class Collection(NamedTuple):
    """N passages, ready to be searched. Their distinct words lie one passage after the other, as numbers of `words`."""

    texts: tuple
    index: Index  # of stemmed terms
    words: tuple  # the V distinct words
    vectors: np.ndarray  # (V, d) float32; zeros where a word has none
    flat: np.ndarray  # (M,)
    starts: np.ndarray  # (N,)


@cache
def site():
    """(when they were made, topics' titles, [(topic, heading, text)])"""
    data = json.loads(data_file("passages.json").read_text())
    return data["made"], data["titles"], tuple(map(tuple, data["passages"]))


@cache
def word_vectors():
    """({word: row}, (n, 64) float32, each of length 1 but for rounding)."""
    arrays, metadata = tensors(data_file("words"))
    words = zlib.decompress(arrays["spelling"].tobytes()).decode().split("\n")
    return {word: i for i, word in enumerate(words)}, arrays["vectors"] * np.float32(metadata["scale"])


@cache
def site_directions():
    """U (N, k) and S (k,) of the site's passages, for `lsa`."""
    arrays, _ = tensors(data_file("lsa"))
    return arrays["U"].astype(float), arrays["S"].astype(float)


@cache
def collection(texts):
    """Any passages, given as a tuple of texts, each of which has a word."""
    lists = [list(dict.fromkeys(words_of(text))) for text in texts]
    number = {word: n for n, word in enumerate(dict.fromkeys(word for words in lists for word in words))}
    flat = np.array([number[word] for words in lists for word in words])
    starts = np.cumsum([0] + [len(words) for words in lists[:-1]])
    return Collection(texts, index_of([terms_of(text) for text in texts]), tuple(number), vectors_of(number), flat,
                      starts)  # fmt: skip


def site_texts(titled=True):
    """The site's passages as texts, each behind its topic's title and its heading."""
    _, titles, passages = site()
    return tuple(f"{titles[t]}. {head}. {text}" if titled else text for t, head, text in passages)


@cache
def site_collection(titled=True):
    return collection(site_texts(titled))


def vectors_of(words):
    """(J, 64), zeros for a word that has no vector."""
    number, X = word_vectors()
    rows = [number.get(word, -1) for word in words]
    return np.where(np.array(rows)[:, None] >= 0, X[rows], np.float32(0))  # (J, 64)


def likeness(question, c):
    """(J, V): cosines of a question's words with a collection's; 1 where the stems are equal, vector or not."""
    S = vectors_of(question) @ c.vectors.T  # (J, V)
    stems = np.array(stems_of(c.words))
    for j, word in enumerate(question):
        S[j, stems == stem(word)] = 1
    return S


@cache
def stems_of(words):
    return [stem(word) for word in words]


def weights_of(question, c):
    """(J,): the idf of each word of a question; one that no passage has counts as if one had it."""
    N = len(c.texts)
    return np.array([idf(len(c.index.postings.get(stem(word), [[0]])[0]), N) for word in question])


def pooled(question, c):
    """(N,): cosines of the question's vector with each passage's, both the mean over words, weighted alike."""
    weights = idf(np.array([len(c.index.postings[term][0]) for term in stems_of(c.words)]), len(c.texts))
    passages = np.add.reduceat((weights[:, None] * c.vectors)[c.flat], c.starts)  # (N, 64)
    asked = weights_of(question, c) @ vectors_of(question)  # (64,)
    lengths = np.linalg.norm(passages, axis=1) * np.linalg.norm(asked)
    return passages @ asked / np.where(lengths > 0, lengths, 1)
