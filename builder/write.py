"""Writes a site: makes a folder hold exactly the files that it is given. Knows nothing of what is in them."""

import shutil

from builder.bundle.runtime import LOCK
from builder.faults import Fault, FaultsError

KEPT = {".git", ".gitignore"}  # of an output folder: whoever keeps the site in a repository goes on doing so
COMING = ".coming"  # in it: what is new waits until all of it is there


def refuse_foreign(out):
    """A build deletes what does not belong to it, so `out` is empty or holds a site of ours: one with our runtime, or
    one that a build was about to bring."""
    if out.exists() and not out.is_dir():
        raise FaultsError([Fault(str(out.resolve()), 0, "is a file. Name a new or an empty folder.")])
    there = {path.name for path in out.glob("*")} - KEPT - {COMING}
    if there and not any(out.glob(f"runtime-*/{LOCK}")) and not (out / COMING).is_dir():
        cause = f"holds {min(there)} and is no site built here: a build would delete it. Name a new or an empty folder."
        raise FaultsError([Fault(str(out.resolve()), 0, cause)])


def write(out, files, pack):
    """Make `out` hold exactly these files and the pack; returns how many were new or changed.

    All that is new is written before anything old is touched: a disk that is full, or a build that is interrupted,
    leaves the old site as it was.
    """
    everything = pack_files(pack) | files
    coming = out / COMING
    try:
        shutil.rmtree(coming, ignore_errors=True)
        coming.mkdir(parents=True)
        new = [name for name, content in everything.items() if write_new(out / name, coming / name, content)]
    except OSError as error:
        shutil.rmtree(coming, ignore_errors=True)
        cause = f"can't be written: {error.strerror}. The site that was there is as it was."
        raise FaultsError([Fault(str(error.filename or out), 0, cause)]) from error
    # then pages, then the list of all: what they name is there before them
    for name in sorted(new, key=lambda name: ("/" not in name, name.endswith(".json"))):
        make_way(out, out / name)
        (coming / name).replace(out / name)
    shutil.rmtree(coming)
    remove_others(out, {out / name for name in everything})
    return len(new)


def pack_files(pack):
    """{path in the site: file} of the runtime pack."""
    return {f"runtime-{pack.digest}/{path.name}": path for path in sorted(pack.directory.iterdir())}


def write_new(path, coming, content):
    """Write bytes (or copy a file of the pack) beside a site that does not have them already; tells whether it did."""
    data = content if isinstance(content, bytes) else content.read_bytes()
    if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return False
    coming.parent.mkdir(parents=True, exist_ok=True)
    coming.write_bytes(data)
    return True


def make_way(out, path):
    """What is a folder now may have been a file, and the other way round."""
    for parent in path.relative_to(out).parents:
        if (out / parent).is_file():
            (out / parent).unlink()
    if path.is_dir():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)


def remove_others(out, keep):
    for path in sorted(out.rglob("*"), reverse=True):
        if path.relative_to(out).parts[0] in KEPT:
            continue
        if (path.is_file() or path.is_symlink()) and path not in keep:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
