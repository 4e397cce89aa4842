"""A plan collects matrices and mixers while a config is read. What several readers add stands here."""

from topics.kit.errors import UnreadableError
from topics.kit.real.models import Experts, Layers
from topics.kit.real.sheets.fields import LARGEST
from topics.kit.real.sheets.sheet import Matrix, Mixer, Sheet

LONGEST = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_sequence_length", "seq_length",
           "model_max_length")  # fmt: skip


class Plan:
    """Matrices and mixers of a model, as they are read. `at` is where a layer's names begin."""

    def __init__(self, f, at="model.layers.*."):
        self.f, self.at, self.matrices, self.mixers, self.notes = f, at, {}, [], []
        self.dense = self.F = 0
        self.feeds, self.experts = 3, None

    def add(self, name, shape, n=1, part="norms and biases", kind="vector", k=1, E=1):
        """n arrays of this name; those that are there already become more."""
        key = name, tuple(shape)
        if n:
            had = self.matrices[key].count if key in self.matrices else 0
            self.matrices[key] = Matrix(name, tuple(shape), had + n, part, kind, k, E)

    def linear(self, name, out, fan_in, n, part, bias=False):
        self.add(f"{name}.weight", (out, fan_in), n, part, "product")
        if bias:
            self.add(f"{name}.bias", (out,), n)

    def norm(self, name, width, n=1, bias=False):
        self.add(f"{name}.weight", (width,), n)
        if bias:
            self.add(f"{name}.bias", (width,), n)

    def mix(self, kind, n, H, H_kv, D, changed=0, picks=0, asks=0, **layers):
        if n:
            self.mixers.append(Mixer(kind, Layers(n, H, H_kv, D, **layers), changed, picks, asks))

    def gated(self, at, d, F, n, part, bias=False):
        """gate, up and down, as every model since LLaMA has them."""
        self.linear(f"{at}.gate_proj", F, d, n, part, bias)
        self.linear(f"{at}.up_proj", F, d, n, part, bias)
        self.linear(f"{at}.down_proj", d, F, n, part, bias)

    def mixture(self, at, d, F, E, k, n, turned=False, biased=False):
        """Experts in two arrays of a slice each; `turned` where inputs come first."""
        if k > E:
            raise UnreadableError(f"num_experts_per_tok is {k}, but there are only {E} experts.")
        first, second = ((E, d, 2 * F), (E, F, d)) if turned else ((E, 2 * F, d), (E, d, F))
        self.add(f"{at}.gate_up_proj", first, n, "experts", "product", k, E)
        self.add(f"{at}.down_proj", second, n, "experts", "product", k, E)
        if biased:
            self.add(f"{at}.gate_up_proj_bias", (E, 2 * F), n, "experts", "vector", k, E)
            self.add(f"{at}.down_proj_bias", (E, d), n, "experts", "vector", k, E)

    def mixed(self, n, E, k, shared, d, F, bias=0, feeds=3):
        if n:
            self.experts = Experts(n, E, k, shared, F, feeds * d * F + bias)

    def sheet(self, kind, form, d, V, L, tied):
        context = self._longest()
        assumed = [f"{name} = {value:,}" for name, value in self.f.assumed.items() if isinstance(value, int)]
        if assumed:
            self.notes.append("Not in the file, taken as transformers takes it: " + ", ".join(assumed) + ".")
        return Sheet(
            kind,
            form,
            d,
            V,
            L,
            tuple(self.matrices.values()),
            tuple(self.mixers),
            tied,
            context,
            self.F,
            self.feeds,
            self.dense,
            self.experts,
            {},
            tuple(self.notes),
        )

    def _longest(self):
        """The longest text that a file tells, in tokens, or None."""
        name = next((name for name in LONGEST if self.f.has(name)), None)
        if name == "model_max_length":
            limit = self.f.config[name]
            if isinstance(limit, int) and 0 < limit < LARGEST:  # tokenizers write 10^30 where they know of none
                self.notes.append(
                    "The longest text is that of model_max_length: its maker's word, no matrix depends on it."
                )
                return limit
        found = self.f.whole(*LONGEST[:-1], default=0) or None
        if not found:
            self.notes.append("The file tells no longest text.")
        return found
