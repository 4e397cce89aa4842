"""Writes a site: makes a folder hold exactly the files that it is given. Knows nothing of what is in them."""

from collections import Counter

from builder.bundle.runtime import LOCK
from builder.faults import Fault, FaultsError

KEPT = {".git", ".gitignore"}  # of an output folder: whoever keeps the site in a repository goes on doing so


def refuse_foreign(out):
    """A build deletes what does not belong to it, so `out` is empty or holds a site of ours: one with our runtime."""
    there = {path.name for path in out.glob("*")} - KEPT
    if there and not any(out.glob(f"runtime-*/{LOCK}")):
        cause = f"holds {min(there)} and is no site built here: a build would delete it. Name a new or an empty folder."
        raise FaultsError([Fault(str(out.resolve()), 0, cause)])


def write(out, files, pack):
    """Make `out` hold exactly these files and the pack; returns how many were new or changed."""
    out.mkdir(parents=True, exist_ok=True)
    runtime = f"runtime-{pack.digest}"
    # the pack first: by it a build knows its own folder, even one that was left half written
    everything = {f"{runtime}/{path.name}": path for path in sorted(pack.directory.iterdir())} | files
    counts = Counter(write_file(out / name, content) for name, content in everything.items())
    keep = {out / name for name in everything}
    for path in sorted(out.rglob("*"), reverse=True):
        if path.relative_to(out).parts[0] in KEPT:
            continue
        if path.is_file() and path not in keep:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    return counts[True]


def write_file(path, content):
    """Write bytes (or copy a file of the pack) unless they stand there already; tells whether it wrote."""
    data = content if isinstance(content, bytes) else content.read_bytes()
    if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return True
