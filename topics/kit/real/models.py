"""Shapes of real models, as published. Plain data: it knows nothing of what is computed from it.

The rows are written by sheets/table.py, from the models' config.json.
"""

from typing import NamedTuple

from topics.kit.real.rows import ROWS


class Layers(NamedTuple):
    """n layers alike: H query heads sharing H_kv key/value heads of width D."""

    n: int
    H: int
    H_kv: int
    D: int
    window: int | None = None  # tokens that one sees, itself included; None: all
    latent: int = 0  # numbers kept of a token instead of 2 · H_kv · D: MLA's d_c + d_R
    rotary: int = 0  # of these, the rotary key's d_R, which is scored but never mixed
    index: int = 0  # numbers kept of a token besides: the key of an indexer that picks which tokens are met
    state: int = 0  # numbers kept of the whole text, however long, instead of anything of a token: linear attention


class Experts(NamedTuple):
    """Layers whose feed-forward part is a mixture: k of E experts for a token, and `shared` ones for all."""

    layers: int
    E: int
    k: int
    shared: int
    F: int  # hidden width of an expert
    each: int  # parameters of one expert


class Model(NamedTuple):
    """A decoder of width d: its layers of attention, and its feed-forward layers of hidden width F."""

    d: int
    layers: tuple[Layers, ...]
    F: int  # of the dense feed-forward layers; 0 where all are mixtures
    feeds: int  # matrices of a feed-forward layer: 2, or 3 where one is a gate
    vocabulary: int
    parameters: int  # all of them, embeddings included, vision parts and heads that guess further tokens not
    context: int  # the longest text it was made for, in tokens
    dated: str  # month in which this version's shapes were published
    tied: bool = False  # whether the input embedding is the output matrix, too
    experts: Experts | None = None

    @property
    def L(self):
        return sum(layers.n for layers in self.layers)

    @property
    def H(self):
        return self._of_all("H")

    @property
    def H_kv(self):
        return self._of_all("H_kv")

    @property
    def D(self):
        return self._of_all("D")

    @property
    def active(self):
        """Parameters that one token passes: all but the embedding, in which it is looked up, and the experts that it
        isn't sent to. So DeepSeek and OpenAI count them.

        >>> round(MODELS["DeepSeek-V3"].active / 1e9), round(MODELS["gpt-oss-120b"].active / 1e9, 2)
        (37, 5.13)
        """
        e = self.experts
        return self.for_all + (e.layers * e.k * e.each if e else 0)

    @property
    def for_all(self):
        """Parameters that every token passes: all but the embedding and the experts that tokens are sent to."""
        e = self.experts
        return self.parameters - self.embedding - (e.layers * e.E * e.each if e else 0)

    @property
    def embedding(self):
        """Parameters that are only looked up, a row a token: none where they are the output matrix, too."""
        return 0 if self.tied else self.vocabulary * self.d

    def _of_all(self, name):
        if not alike(self):
            raise ValueError(f"layers differ: there is no one {name}; count over .layers")
        return getattr(self.layers[0], name)


def alike(model):
    """Whether all layers of a model have the same attention."""
    return len(model.layers) == 1


def plain(model):
    """Whether a model has none but full attention with keys and values: no window, latent, index or state."""
    return all(each[4:] == (None, 0, 0, 0, 0) for each in model.layers)


def _model(d, layers, *fields):
    *others, experts = fields
    return Model(d, tuple(Layers(*each) for each in layers), *others, Experts(*experts) if experts else None)


MODELS = {name: _model(*row) for name, row in ROWS.items()}

# models about which the older pages' questions make sense: dense, full attention, layers alike
PLAIN = {name: m for name, m in MODELS.items() if alike(m) and plain(m) and not m.experts}
