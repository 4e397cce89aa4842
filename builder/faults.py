"""Faults with place, cause and remedy, collected until all are known. Knows nothing of what is checked."""

import reprlib
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that the author must mend. line 0 means the file as a whole.

    >>> print(Fault("topics/mla/page.md", 3, "[[demo\\n x]] stands in a row"))
    topics/mla/page.md:3: [[demo x]] stands in a row
    """

    file: str
    line: int
    cause: str

    def __str__(self):
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {' '.join(self.cause.split())}"  # one line, whatever it quotes


class BuildError(Exception):
    """Why there is no build, in words for whoever asked for one: place, cause, remedy."""


class FaultsError(BuildError):
    """All faults of one run; nothing was written."""

    def __init__(self, faults):
        self.faults = sorted(set(faults))
        n = len(self.faults)
        super().__init__("\n".join([f"{n} fault{'s' * (n > 1)}, nothing written:", *map(str, self.faults)]))


def shown(value):
    """A value as a fault quotes it: not all of a large one.

    >>> shown(1.5), shown(list(range(100)))
    ('1.5', '[0, 1, 2, 3, 4, 5, ...]')
    """
    try:
        return reprlib.repr(value)
    except ValueError:  # Python writes no whole number of more than 4300 digits
        return "so long a number"


def did_you_mean(wrong, names):
    """ " Did you mean X?" with the nearest correct name, or the list of names when none is near.

    >>> did_you_mean("cache_grow", ["cache_growth", "roofline"])
    ' Did you mean cache_growth?'
    """
    names = sorted(map(str, names))
    near = get_close_matches(str(wrong), names, n=1, cutoff=0.5)
    if near:
        return f" Did you mean {near[0]}?"
    return f" There is {', '.join(names)}." if names else ""
