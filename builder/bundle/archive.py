"""The whole site as one zip, to be unpacked into a folder and served from there by anything. Knows no page."""

from builder.bundle.runtime import zipped

ARCHIVE = "llm-internals.zip"
FOLDER = ARCHIVE.removesuffix(".zip")
README = """LLM Internals, the whole site.

Open a terminal in this folder and type

    python3 -m http.server --bind 127.0.0.1

then open http://127.0.0.1:8000/ in a browser. No network is needed. Opened as a file, a page can be read, but no
browser lets it load Python.
"""


def archive_of(files):
    """{path: bytes} as a zip, below one folder. The same files give the same bytes."""
    whole = {"README.txt": README.encode()} | files
    return zipped([(f"{FOLDER}/{path}", whole[path]) for path in sorted(whole)], level=9)
