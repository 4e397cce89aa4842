"""The fields of a config.json, asked for by name: what is missing, or is no number, is told by name. Knows no model."""

import json

from topics.kit.errors import UnreadableError

LARGEST = 10**9  # of any field: a vocabulary has less than a million
MOST_LAYERS = 4096
TEXT_PARTS = (
    "text_config",
    "llm_config",
    "language_config",
    "thinker_config",
)  # where a model of several senses keeps its language part


class MissingError(UnreadableError):
    """A field that is not in the file and has no default."""


class Fields:
    """A config with its family's defaults, which stand where a field is missing, as in transformers. Null is none."""

    def __init__(self, config, defaults=None):
        self.config, self.defaults, self.assumed = config, defaults or {}, {}

    def has(self, name):
        return self.config.get(name) is not None

    def raw(self, *names):
        """The first of these that is in the file; else the default of the first that has one."""
        for name in names:
            if self.has(name):
                return name, self.config[name]
        for name in names:
            if name not in self.config and self.defaults.get(name) is not None:
                self.assumed[name] = self.defaults[name]
                return name, self.defaults[name]
        raise MissingError(f"The field {names[0]} is missing or null.")

    def whole(self, *names, default=None, least=1):
        """A whole number, under the first of its names that is there."""
        try:
            name, value = self.raw(*names)
        except MissingError:
            if default is None:
                raise
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST:
            most = f"{LARGEST:,}"
            raise UnreadableError(f"{name} is {_short(value)}: a whole number from {least} to {most} is needed.")
        return value

    def flag(self, name, default=False):
        value = self.config.get(name)
        value = default if value is None else value
        if not isinstance(value, bool):
            raise UnreadableError(f"{name} is {_short(value)}: true or false is needed.")
        return value

    def each(self, name, L, of=str):
        """A list of L entries, or None where there is none."""
        if not self.has(name):
            return None
        value = self.config[name]
        if not isinstance(value, list) or not all(isinstance(entry, of) for entry in value):
            raise UnreadableError(f"{name} is {_short(value)}: a list is needed.")
        if len(value) != L:
            raise UnreadableError(f"{name} has {len(value):,} entries, but there are {L:,} layers.")
        return value

    @property
    def L(self):
        L = self.whole("num_hidden_layers", "n_layer", "num_layers", "n_layers")
        if L > MOST_LAYERS:
            raise UnreadableError(f"{L:,} layers are more than the {MOST_LAYERS:,} that are read here.")
        return L


def _short(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 40 else text[:37] + "…"


def parsed(text):
    """A dict of a pasted config.json.

    >>> parsed('{"model_type": "gpt2"}')
    {'model_type': 'gpt2'}
    """
    text = text.rstrip().strip("\ufeff`").removeprefix("json")  # a mark, fences: as editors and chats wrap it
    try:
        config = json.loads(text)
    except json.JSONDecodeError as fault:
        where = f"line {fault.lineno}, column {fault.colno}"
        raise UnreadableError(
            f"This is no JSON yet: {fault.msg}, {where}. A config.json begins with {{, and has no comments."
        ) from None
    except (RecursionError, ValueError):  # brackets in brackets in …, a number of thousands of digits
        raise UnreadableError("This JSON is nested too deeply, or has a number too long, for a config.json.") from None
    if not isinstance(config, dict):
        raise UnreadableError("A config.json is an object: it begins with { and names its fields.")
    return config


def text_part(config):
    """The language part of a config, and the names of the fields that it stands in, if in one, or in one in another."""
    inner, names = config, []
    while len(names) < 3 and (name := next((part for part in TEXT_PARTS if isinstance(inner.get(part), dict)), None)):
        ties = inner.get("tie_word_embeddings")
        inner = dict(inner[name])
        if ties is not None:
            inner.setdefault("tie_word_embeddings", ties)
        names.append(name)
    return inner, ".".join(names) or None
