"""A model's sheet: its matrices by name, shape and count, its layers, and what follows from them. Knows no page.

T tokens   L layers   d width   V words of the vocabulary   F hidden width   H heads   H_kv key/value heads of width D
E experts in a layer, k of them for a token   b bytes a cached number
A FLOP is one addition or one multiplication, so a multiply-add is two. reader.py makes sheets of config.json files.
"""

from math import prod
from typing import NamedTuple

from topics.kit.real.costs import kept
from topics.kit.real.models import Experts, Layers, Model

PARTS = (
    "embedding",
    "attention",
    "linear attention",
    "state space",
    "feed-forward",
    "experts",
    "shared expert",
    "router",
    "norms and biases",
    "output",
)
STEP = {"delta": 7, "ssm": 5}  # FLOP a number of a state and token: decay, (read, correct,) write, read


class Matrix(NamedTuple):
    """`count` arrays of one name and shape, as transformers 5 names them, a layer's number being *."""

    name: str
    shape: tuple[int, ...]
    count: int
    part: str  # one of PARTS
    kind: str = "product"  # or "lookup": a row is picked; "vector": added, scaled by; "buffer": set, not trained
    k: int = 1  # of the E slices of its first axis, a token passes k
    E: int = 1

    @property
    def numbers(self):
        return prod(self.shape) * self.count

    @property
    def passed(self):
        """Numbers that one token passes: none of a table in which it is looked up, k of E experts."""
        return 0 if self.kind in ("lookup", "buffer") else self.numbers * self.k // self.E


class Mixer(NamedTuple):
    """Layers in which tokens meet, all alike."""

    kind: str  # full, window, chunk, both ways, cross, latent, picked, delta, ssm
    layers: Layers
    changed: int = 0  # numbers of its state that every token changes; layers.state has those of a filter as well
    picks: int = 0  # tokens that an indexer picks
    asks: int = 0  # numbers of an indexer's queries: its heads times their width


class Sheet(NamedTuple):
    """What a config.json says of a model."""

    type: str  # model_type
    form: str  # decoder, encoder, encoder and decoder
    d: int
    V: int
    L: int
    matrices: tuple[Matrix, ...]
    mixers: tuple[Mixer, ...]
    tied: bool  # whether the embedding is the output matrix as well
    context: int | None
    F: int = 0  # of dense feed-forward layers
    feeds: int = 3  # matrices of such a layer
    dense: int = 0  # layers that have one
    experts: Experts | None = None
    facts: dict = {}  # noqa: RUF012  what is the same in all of its family: norms, activation, positions
    notes: tuple[str, ...] = ()  # what was assumed, left out or not understood, by name

    @property
    def parameters(self):
        """All trained numbers (eq:count)."""
        return sum(m.numbers for m in self.matrices if m.kind != "buffer")

    @property
    def stored(self):
        """All numbers of a checkpoint: with what is set by rule, not trained."""
        return sum(m.numbers for m in self.matrices)

    @property
    def tokens(self):
        """For how many tokens `active` and FLOP are: with two stacks, one read and one written."""
        return 2 if self.form == "encoder and decoder" else 1

    @property
    def active(self):
        """Parameters that one token passes; an embedding counts where it is the output matrix as well."""
        return sum(m.passed for m in self.matrices) + self.output

    @property
    def output(self):
        """Numbers of the embedding where it is the output matrix, too."""
        return self.V * self.d if self.tied and self.form != "encoder" else 0


def of_parts(sheet, measure):
    """{part: sum of measure(matrix)} in the order of PARTS, where there is any."""
    sums = {part: sum(measure(m) for m in sheet.matrices if m.part == part) for part in PARTS}
    return {part: n for part, n in sums.items() if n}


def parameters_of_parts(sheet):
    return of_parts(sheet, lambda m: 0 if m.kind == "buffer" else m.numbers)


def passed_of_parts(sheet):
    """Parameters that a token passes, by part. What is looked up is not passed; a tied embedding is the output."""
    parts = of_parts(sheet, lambda m: m.passed)
    return parts | ({"output": parts.get("output", 0) + sheet.output} if sheet.output else {})


def product_flops(sheet):
    """{part: FLOP of its products for one token}, two a number that is passed (eq:flops)."""
    parts = of_parts(sheet, lambda m: 2 * m.passed if m.kind == "product" else 0)
    return parts | ({"output": parts.get("output", 0) + 2 * sheet.output} if sheet.output else {})


def met(mixer, T):
    """FLOP in one layer of a mixer for a token that meets T, itself included (eq:pairs).

    Latents are scored and mixed as they stand, as in decoding. A picked layer scores all T with its indexer first.
    """
    a = mixer.layers
    if mixer.kind in STEP:
        return STEP[mixer.kind] * (a.state if mixer.kind == "delta" else mixer.changed)
    seen = min(T, a.window or T, mixer.picks or T)
    pair = 2 * a.H * (2 * a.latent - a.rotary) if a.latent else 4 * a.H * a.D
    return pair * seen + 2 * mixer.asks * T


def met_flops(sheet, T):
    """FLOP of scoring and mixing in all layers, for a token that meets T."""
    return sum(m.layers.n * met(m, T) for m in sheet.mixers)


def prompt_met(mixer, T):
    """FLOP in one layer of a mixer for all of a text of T tokens, as in training: token t meets t of them, and all T
    where it sees both ways. Keys and values are made of latents first, as wide as the heads."""
    a = mixer.layers
    if mixer.kind in STEP:
        return T * met(mixer, T)
    if mixer.kind in ("both ways", "cross"):
        return T * met(mixer, T)
    W = min(T, a.window or T, mixer.picks or T)
    pairs = W * (W + 1) // 2 + (T - W) * W
    return 2 * a.H * (2 * a.D + a.rotary) * pairs + mixer.asks * T * (T + 1)


def training_flops(sheet, T):
    """{part: FLOP a token in training on texts of T tokens}: forwards, and twice that backwards (eq:training)."""
    parts = {part: 3 * n for part, n in product_flops(sheet).items()}
    return parts | {"scores and mixing": 3 * sum(m.layers.n * prompt_met(m, T) for m in sheet.mixers) / T}


def forward_flops(sheet, T):
    """{part: FLOP for one token that meets T}, scores and mixing being the last part."""
    return product_flops(sheet) | {"scores and mixing": met_flops(sheet, T)}


def kept_of(mixer, T):
    """Numbers that one layer keeps of a text of T tokens: none where a text is read at once."""
    return 0 if mixer.kind == "both ways" else kept(mixer.layers, T)


def cache_bytes(sheet, T, b=2):
    """Bytes kept of one text of T tokens (eq:cache); states take 16 bits, whatever b is."""
    return sum(m.layers.n * kept_of(m, T) * (2 if m.layers.state else b) for m in sheet.mixers)


def model_of(sheet, dated):
    """The sheet as a Model of the kit's table, on which costs.py counts."""
    layers = tuple(m.layers for m in sheet.mixers if m.kind != "both ways")
    tied = sheet.tied or sheet.form == "encoder"  # an encoder has no output matrix: nothing is narrowed in its place
    return Model(
        sheet.d,
        layers,
        sheet.F if sheet.dense else 0,
        sheet.feeds,
        sheet.V,
        sheet.parameters,
        sheet.context,
        dated,
        tied,
        sheet.experts,
    )
