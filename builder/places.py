"""Where our own parts lie. A site may be built from another project's topics; templates and cache are these."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
TEMPLATES = REPOSITORY / "templates"
CACHE = REPOSITORY / ".cache"  # what all projects share; a project's own results lie in its own .cache


def files_in(folder, pattern, below=False):
    """Its files, sorted; what an editor or a system leaves beside them (.#page.md, .DS_Store) is none of them."""
    found = Path(folder).rglob(pattern) if below else Path(folder).glob(pattern)
    return sorted(path for path in found if path.is_file() and not is_hidden(path.relative_to(folder)))


def is_hidden(path):
    return any(part.startswith(".") or part.endswith("~") for part in path.parts)


def data_files(topics):
    """What demos may ask for: weights and tables, but not the texts beside them: sources, and licences."""
    return [path for path in files_in(Path(topics) / "data", "*") if path.suffix not in (".md", ".txt")]
