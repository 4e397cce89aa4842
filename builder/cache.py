"""Results kept by the hash of what they were computed from. Knows nothing of what they are."""

import hashlib
import json
import os
import pickle
from pathlib import Path

SUM = hashlib.sha256().digest_size


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


class Memory:
    """Texts that last from build to build, in one file; what a build did not ask for is forgotten at its end."""

    def __init__(self, path):
        self.path = Path(path)
        self.old = json.loads(read(self.path) or b"{}")
        self.new = {}

    def get(self, key, compute):
        """The text under a key, from an earlier build or computed now."""
        if key not in self.new:
            self.new[key] = self.old[key] if key in self.old else compute()
        return self.new[key]

    def save(self, whole=True):
        """Keep what was asked for; after a build that broke off, what is older too."""
        texts = self.new if whole else self.old | self.new
        if texts != self.old:
            write(self.path, json.dumps(texts).encode())


def remembered(path, key, compute):
    """A thing of ours kept in a file under a key, or computed and kept now: one file, one thing."""
    path = Path(path)
    found = recall(path, key)
    if found is None:
        found = compute()
        keep(path, key, found)
    return found


def recall(path, key):
    """What `keep` has put into a file, if it was under this key; else None. Only ever our own files."""
    data = read(Path(path))
    if data is None:
        return None
    known, thing = pickle.loads(data)
    return thing if known == key else None


def keep(path, key, thing):
    write(Path(path), pickle.dumps((key, thing)))


def write(path, data):
    """Data with their checksum before them. A half-written entry can't be left behind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        part.write_bytes(checksum(data) + data)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def read(path):
    """The data of an entry; None where there is none, or where it is not what was written: it is made anew then."""
    try:
        entry = path.read_bytes()
    except OSError:
        return None
    data = entry[SUM:]
    return data if entry[:SUM] == checksum(data) else None


def checksum(data):
    return hashlib.sha256(data).digest()
