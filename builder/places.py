"""Where our own parts lie. A site may be built from another project's topics; templates and cache are these."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
TEMPLATES = REPOSITORY / "templates"
CACHE = REPOSITORY / ".cache"  # what all projects share; a project's own results lie in its own .cache


def data_files(topics):
    """What demos may ask for: weights and tables, but not the texts beside them: sources, and licences."""
    return [path for path in sorted((Path(topics) / "data").glob("*")) if path.suffix not in (".md", ".txt")]
