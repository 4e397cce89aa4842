"""What the demos do with a pasted config.json, and how they say large numbers."""

from topics.kit import Note, UnreadableError
from topics.kit.real.sheets.configs import CONFIGS
from topics.kit.real.sheets.fields import parsed
from topics.kit.real.sheets.reader import read

LIMIT = 12_000  # characters of a pasted file: most have less than 5,000
TRIED = ("DeepSeek-V3", "BERT base", "T5 small", "Qwen3-Next-80B-A3B")  # one of each form
EXAMPLE = '{"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32}'


def sheet_of(name, config):
    """The sheet of a pasted file, or of a model by its name; and what to call it."""
    if not config.strip():
        return read(CONFIGS[name]), name
    try:
        given = parsed(config)
    except UnreadableError as fault:
        if len(config) < LIMIT:
            raise
        raise UnreadableError(f"Cut at {LIMIT:,} characters: leave out a long quantization_config. {fault}") from None
    called = given.get("_name_or_path") or given.get("model_type")
    return read(given), str(called)[:40] if called else "The pasted model"


def big(n):
    """A large number as people say it.

    >>> big(671_026_404_352), big(124_439_808), big(2.2e12)
    ('671 billion', '124 million', '2.2 trillion')
    """
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if n >= size:
            return f"{n / size:.3g} {word}"
    return f"{n:,.0f}"


def notes_of(sheet, T, *beside):
    """What was assumed or left out of a sheet, and where it, or one beside it, has no texts of T tokens."""
    notes = list(sheet.notes)
    for s in (*beside, sheet):
        if s.context and s.context < T:
            notes.append(f"{T:,} tokens are more than the longest text of {s.type}'s file, {s.context:,}.")
    return Note(" ".join(notes) or "All that was needed stands in the file.", "warning" if notes else "info")


def refused(fault):
    return Note(str(fault), "warning")
