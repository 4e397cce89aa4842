"""Results kept by the hash of what they were computed from. Knows nothing of what they are."""

import hashlib
import json
import os
from contextlib import contextmanager
from pathlib import Path


def digest(*parts):
    """A short, stable name for any sequence of bytes and texts.

    >>> digest("a", "b") == digest("ab")   # parts are kept apart
    False
    """
    sha = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        sha.update(len(data).to_bytes(8, "big") + data)
    return sha.hexdigest()[:16]


def remember(directory, key, compute):
    """The text stored under a key, or computed and stored now; a half-written entry can't be left behind."""
    path = Path(directory) / key
    if path.exists():
        return path.read_text()
    text = compute()
    _write(path, text)
    return text


@contextmanager
def kept(directory, key):
    """A dict of texts that lasts from build to build: what is put into it is there under the same key next time."""
    path = Path(directory) / key
    texts = json.loads(path.read_text()) if path.exists() else {}
    known = len(texts)
    yield texts
    if len(texts) > known:
        _write(path, json.dumps(texts))


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(text)
    part.replace(path)
