"""A topic's method as one file that needs only numpy. What it imports from the kit is written into it.

`python mla.py` runs the file's doctests: the numbers that its docstrings promise.
"""

import ast
from pathlib import Path

from builder.read.dependencies import read_file
from builder.take.flat import TwoHomesError, gather, read

PLACE = "@THE SITE@"  # in what is kept; the site's address, or the repository's, comes in at the end
END = """if __name__ == "__main__":
    import doctest

    print("{failed} of {attempted} doctests failed".format(**doctest.testmod()._asdict()))
"""


def alone(topic, topics):
    """The text of <slug>.py; None for a topic without a method, or with one that is no file of its own: it works with
    the house model as a whole, which is a module, and has weights."""
    path = Path(topics) / topic.slug / "method.py"
    if not path.is_file():
        return None
    try:
        imports, pieces, aliases = gather(topics, [(path, name) for each in read(path).pieces for name in each.names])
    except TwoHomesError:
        return None
    docstring = ast.get_docstring(ast.parse(read_file(path).data), clean=False) or ""
    head = (
        f"{docstring.rstrip()}\n\n"
        f"The method of “{topic.title}”, {PLACE}. MIT License.\n"
        "One file, made from several: what it needs of the others stands first, under the name of its home.\n"
    )
    raw = "r" * ("\\" in head)
    parts = [f'{raw}"""{head}"""', "\n".join(imports)]
    home = None
    for piece in pieces:
        if piece.home != home:
            home = piece.home
            parts.append(f"# ---- {home.relative_to(Path(topics).parent).as_posix()}")
        parts.append(piece.text)
        parts += [f"{name} = {of}" for name, of in aliases.items() if of in piece.names]
    return "\n\n\n".join([*parts, END])
