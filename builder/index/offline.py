"""What a reader may keep on a device: the list by which a browser fetches it, and its sizes. Knows no page.

Files are {path: bytes} of the whole site. The service worker knows no name of these: it does not change when they do.
"""

import hashlib
import json

LIST = "offline.json"
WORKER = "offline-worker.js"  # its address must stay, and its folder is what it may answer for
PAGE = "offline.html"
# what no reader opens offline; the archive is never among the files
LEFT = {"404.html", ".nojekyll", "robots.txt", "sitemap.xml", "feed.xml", LIST, WORKER}
TAKEN = (".ipynb", ".py")  # and what is for elsewhere: notebooks, methods, and demos in frames of other sites
FRAMES = "embed/"
SHA = 16  # characters of a hash, as in templates/static/js/offline/held.js


def held(files):
    left = {path for path in files if path in LEFT or path.endswith(TAKEN) or path.startswith(FRAMES)}
    return {path: data for path, data in sorted(files.items()) if path not in left}


def listing(files):
    """{files: [[path, bytes, hash]]}, as JSON: for the browser, which checks what it gets."""
    rows = [[path, len(data), hashlib.sha256(data).hexdigest()[:SHA]] for path, data in held(files).items()]
    return json.dumps({"files": rows}, separators=(",", ":")).encode()


def groups(files):
    """[(what it is, files, bytes)], for people.

    >>> groups({"a.html": b"12", "static/a-1.zip": b"123", "static/m-1.safetensors": b"1", "data/a.b-1.json": b""})
    [('Pages', 1, 2), ('Python, numpy and the topics’ code', 1, 3), ('Models and tables', 1, 1), \
('Precomputed figures, search', 1, 0), ('Scripts, styles, fonts', 0, 0)]
    """
    sizes = {name: [] for name in ("Pages", PYTHON, MODELS, "Precomputed figures, search", "Scripts, styles, fonts")}
    for path, data in held(files).items():
        sizes[group_of(path)].append(len(data))
    return [(name, len(each), sum(each)) for name, each in sizes.items()]


PYTHON, MODELS = "Python, numpy and the topics’ code", "Models and tables"


def group_of(path):
    folder, _, name = path.rpartition("/")
    if name.endswith(".html"):
        return "Pages"
    if folder == "data":
        return "Precomputed figures, search"
    if folder.startswith("runtime-") or name.endswith(".zip"):
        return PYTHON
    return MODELS if name.endswith((".safetensors", ".merges", ".json")) else "Scripts, styles, fonts"
