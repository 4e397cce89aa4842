"""What a reader can be told instead of an answer. Knows neither pages nor models."""


class UnreadableError(ValueError):
    """What a reader typed can't be used. A demo that raises it answers with the message: what is wrong, what fits."""
