"""The pictures of a topic: files of its folder, checked, and named in the site by what they hold. Knows no Markdown."""

import re
from pathlib import Path
from xml.etree import ElementTree

from builder.cache import digest
from builder.faults import did_you_mean
from builder.places import files_in

LIMIT = 500_000  # bytes: a reader on a phone waits for it
# How a file of each kind begins and ends: one that was cut short, or is of another kind, does not
KINDS = {
    ".png": (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"),
    ".jpg": (b"\xff\xd8\xff", b"\xff\xd9"),
    ".jpeg": (b"\xff\xd8\xff", b"\xff\xd9"),
    ".gif": (b"GIF8", b";"),
    ".webp": (b"RIFF", b""),
    ".svg": (b"", b""),
}


class Pictures:
    """Those that a page shows: {address in the site: bytes}."""

    def __init__(self, folder, slug):
        self.folder, self.slug, self.files = Path(folder), slug, {}

    def address(self, name):
        """Where the site has the picture that the author calls `name`. raises ValueError with what is wrong with it"""
        there = {path.name: path for path in files_in(self.folder, "*") if path.suffix.lower() in KINDS}
        if re.match(r"\w+:|//", name):
            raise ValueError(f"lies elsewhere, and pages fetch nothing from there: put a copy into topics/{self.slug}")
        if name not in there:
            near = did_you_mean(name, there) if there else ""
            raise ValueError(f"is no picture in topics/{self.slug}; they end in {', '.join(KINDS)}.{near}")
        data = there[name].read_bytes()
        if cause := flaw(data, there[name].suffix.lower()):
            raise ValueError(cause)
        path = f"static/{self.slug}-{digest(data)}{there[name].suffix.lower()}"
        self.files[path] = data
        return path


def flaw(data, kind):
    """What is wrong with a picture; "" where nothing is."""
    begin, end = KINDS[kind]
    if len(data) > LIMIT:
        return f"has {len(data):,} bytes, more than {LIMIT:,}: make it smaller"
    whole = data.startswith(begin) and data.rstrip(b"\0\r\n ").endswith(end)
    if kind == ".webp":
        whole = whole and data[8:12] == b"WEBP" and int.from_bytes(data[4:8], "little") + 8 <= len(data)
    if kind == ".svg":
        whole = is_svg(data)
    return "" if whole and data else f"is no whole {kind[1:]} file: it was cut short, or is of another kind"


def is_svg(data):
    try:
        return ElementTree.fromstring(data).tag.rpartition("}")[2] == "svg"
    except (ElementTree.ParseError, ValueError, LookupError):
        return False
