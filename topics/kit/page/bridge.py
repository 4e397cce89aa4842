"""The one door between worker and topics: strings in, plain data out. The worker knows nothing else of Python."""

import hashlib
import inspect
import json

import numpy as np

from topics.kit.model.data import data_path
from topics.kit.page import marks
from topics.kit.page.demo import answer, as_views
from topics.kit.page.exercise import judge, names_seen
from topics.kit.page.rebind import ORIGINALS, CodeError, forget, locate, rebind, restore
from topics.kit.page.topic import find

BEFORE = {}  # fingerprints of our tables, before the first edit
ALIGN = 8  # a Float64Array must begin at a multiple of 8 bytes


def run(call, args):
    """Call "topic.demo" with JSON arguments; returns packed views, or a generator of packed views (pack)."""
    result = answer(find(call), json.loads(args))
    return map(pack, result) if inspect.isgenerator(result) else pack(result)


def missing(call):
    """The files that demo "topic.name" needs and that are not here yet, as JSON."""
    paths = map(data_path, find(call).data)
    return json.dumps([path.name for path in paths if not path.is_file()])


def store(name, data, sha256):
    """Keep the bytes of a file that the worker has fetched. raises ValueError when they are not the right ones."""
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ValueError(f"{name}: what arrived is not what the site's build put there (its SHA-256 begins with "
                         f"{found[:8]}, not {sha256[:8]})")  # fmt: skip
    data_path(name).parent.mkdir(exist_ok=True)
    data_path(name).write_bytes(data)


def reach(target, code):
    """The line at which a reader's code could change what outlives it, or 0. Asked before it runs.

    target  the function that it edits, or the exercise "topic.name" that it answers
    """
    return marks.reach(code, seen_by(target))


def edit(target, code):
    """Put the reader's code in the place of a function; returns JSON {"message", "line"}, empty when it worked."""
    if not ORIGINALS:
        BEFORE.update(marks.tables())
    try:
        rebind(target, code)
    except CodeError as error:
        return json.dumps({"message": str(error), "line": error.line})
    return json.dumps({"message": "", "line": 0})


def unedit(target):
    """Put our version of a function back, or of all functions when target is empty.

    returns  JSON {"marked": whether a table of ours is no longer what it was before the first edit}
    """
    restore(target or None)
    return json.dumps({"marked": not ORIGINALS and marks.changed(BEFORE)})


def check(name, code, seed):
    """Judge the reader's answer to exercise "topic.name"; returns JSON {"passed", "message", "line", "marked"}."""
    before = marks.tables()
    verdict = judge(find(name), code, seed)
    if marks.asks_ours(code, seen_by(name)):
        forget()
    return json.dumps(verdict | {"marked": marks.changed(before)})


def seen_by(target):
    """The names that code sees: those of its function's home, or of the page whose exercise it answers."""
    return names_seen(find(target)) if target.count(".") == 1 else vars(locate(target)[0])


def pack(result):
    """Views as (JSON, bytes): each numpy array becomes {"$array": dtype, offset, shape} into the bytes.

    raises ValueError on NaN or infinity: a figure can't show them, and JSON can't carry them
    """
    chunks, offset = [], 0

    def flat(thing):
        nonlocal offset
        if isinstance(thing, np.generic):
            return thing.item()
        if not isinstance(thing, np.ndarray):
            raise TypeError(f"a view holds numbers, texts and arrays, not {type(thing).__name__}")
        if thing.dtype.kind not in "fiub":
            return thing.tolist()
        if not np.isfinite(thing).all():
            raise ValueError(f"a view holds NaN or infinity in an array of shape {thing.shape}")
        array = np.ascontiguousarray(thing, dtype=np.float32 if thing.dtype == np.float32 else np.float64)
        start, data = offset, array.tobytes()
        padding = -len(data) % ALIGN
        chunks.extend((data, bytes(padding)))
        offset += len(data) + padding
        return {"$array": array.dtype.name, "offset": start, "shape": thing.shape}

    return json.dumps(as_views(result), default=flat, allow_nan=False), b"".join(chunks)
