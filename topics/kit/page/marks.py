"""Whether a reader's code can change what outlives it: numpy, builtins, modules, files, tasks, the page. Knows no page.

Two looks, since one alone is slow or blind. `reach` reads the code before it runs: what only computes, on names of its
own, can't reach further, and what might is named. It is strict: a harmless attribute that is set counts, too. `tables`
fingerprints what reading can't see changing, the lists, arrays and tables of our modules, so that it can be compared
before and after. Code that reaches out is run nonetheless; the Python that it ran in is not used for anything else.
"""

import ast
import importlib
import marshal
import sys
from types import ModuleType

import numpy as np

ALLOWED = {"__future__", "bisect", "cmath", "collections", "copy", "datetime", "fractions", "heapq", "itertools",
           "json", "math", "numpy", "numpy.fft", "numpy.linalg", "numpy.random", "random", "re", "statistics", "string",
           "time", "typing"}  # fmt: skip
HARMLESS = {"functools": {"cache", "lru_cache", "partial", "reduce"}}  # of a module that also has other things
STARRED = ALLOWED - {"numpy", "numpy.random"}  # all of their names change nothing
FORBIDDEN = {"breakpoint", "compile", "delattr", "eval", "exec", "exit", "getattr", "globals", "help", "locals", "open",
             "quit", "setattr", "vars"}  # fmt: skip
STATE = {
    "ctypes",
    "dump",
    "fromfile",
    "memmap",
    "obj",
    "save",
    "savetxt",
    "savez",
    "savez_compressed",
    "set_printoptions",
    "setbufsize",
    "seterr",
    "seterrcall",
    "setflags",
    "tofile",
}  # of numpy, arrays, errors
TUPLES = {"_asdict", "_fields", "_replace"}  # a named tuple's, whose names are no secrets
FRAMES = ("ag_", "co_", "cr_", "f_", "gi_", "tb_")  # from a generator or an error to anybody's variables
OURS = {"topics.kit.model.data"} | {f"topics.kit.page.{name}" for name in ("bridge", "demo", "exercise", "rebind")}
# ours that write: functions of these are no reader's business


def reach(code, namespace):
    """The line at which code could change what outlives it, or 0 where it only computes.

    namespace  the globals that it will see
    """
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return 0  # it will not run
    nodes, known = list(ast.walk(tree)), dict(namespace)
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    taken_from = {node.value for node in nodes if isinstance(node, ast.Attribute)}
    wide = [node for node in imports if not imported(node, known)]
    wide += [node for node in nodes if reaches(node, known, node in taken_from)]
    return min((node.lineno for node in wide), default=0)


def imported(node, known):
    """Whether an import is harmless; what it names is known from then on. A name that means something else already, as
    in `import math as np` within one of several functions, would mislead whoever reads on."""
    try:
        if isinstance(node, ast.Import):
            if not all(each.name in ALLOWED for each in node.names):
                return False
            homes = [each.name if each.asname else each.name.partition(".")[0] for each in node.names]
            new = {each.asname or home: importlib.import_module(home)
                   for each, home in zip(node.names, homes, strict=True)}  # fmt: skip
        else:
            names = {each.name for each in node.names}
            if node.level or node.module not in ALLOWED | HARMLESS.keys():
                return False
            module = importlib.import_module(node.module)
            held = {name for name in names if isinstance(getattr(module, name, None), dict | list | set)}
            if not names <= HARMLESS.get(node.module, names - STATE - held):
                return False
            if "*" in names:
                return node.module in STARRED
            new = {each.asname or each.name: getattr(module, each.name, None) for each in node.names}
    except ImportError:
        return True  # it will fail
    misleading = any(known.get(name, thing) is not thing for name, thing in new.items())
    known |= new
    return not misleading


def reaches(node, known, taken_from):
    """Whether one node of the code's tree could change what outlives it. taken_from: an attribute is taken from it"""
    match node:
        case ast.AsyncFunctionDef() | ast.Await() | ast.AsyncFor() | ast.AsyncWith() | ast.FunctionDef(name="__del__"):
            return True
        case ast.Attribute(attr=name, ctx=ctx):
            private = name.startswith(("_", *FRAMES)) and name not in TUPLES
            if private or name in STATE or not isinstance(ctx, ast.Load):
                return True
        case ast.Name(id=name, ctx=ctx):
            if name in FORBIDDEN or (name.startswith("__") and name != "__name__"):
                return True
            if not isinstance(ctx, ast.Load):
                return False
        case _:
            return False
    thing = meaning(node, known)
    if isinstance(thing, ModuleType):  # it may neither be handed on nor be one of those that hold the world
        return not taken_from or not (thing.__name__ in ALLOWED or thing.__name__.startswith("topics."))
    if isinstance(node, ast.Attribute) and isinstance(thing, dict | list | set):  # those of ours, `tables` watches
        return not meaning(node.value, known).__name__.startswith("topics.")
    return getattr(thing, "__module__", None) in OURS


def meaning(node, known):
    """The module, or what is taken from one, that a name or a chain of attributes means; None for all else."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if not isinstance(node, ast.Attribute):
        return None
    parent = meaning(node.value, known)
    return getattr(parent, node.attr, None) if isinstance(parent, ModuleType) else None


def asks_ours(code, namespace):
    """Whether code names functions of ours: they may keep results, which it can change."""
    names = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    return any(str(getattr(namespace.get(name), "__module__", "")).startswith("topics.") for name in names)


def tables():
    """{(module, name): fingerprint} of what our modules hold that can be changed in place."""
    prints, seen = {}, {}
    for home in [home for home in sys.modules if home.startswith("topics.") and home not in OURS]:
        for name, thing in list(vars(sys.modules[home]).items()):
            if isinstance(thing, dict | list | set | np.ndarray) and not name.startswith("__"):
                prints[home, name] = seen[id(thing)] = seen.get(id(thing)) or hash(fingerprint(thing))
    return prints


def changed(before):
    """Whether a table differs from what `tables` gave before; modules that came since don't count."""
    now = tables()
    return any(now.get(place) != told for place, told in before.items())


def fingerprint(thing):
    """Something hashable that differs once a table or an array, or a value in it, was changed."""
    try:
        return marshal.dumps(thing, 2)  # at once, of what is made of Python's own; in a form that knows no identities
    except ValueError:
        pass
    if callable(thing):
        return id(thing)
    if isinstance(thing, np.ndarray):
        return thing.shape, thing.dtype.str, thing.tobytes()
    if isinstance(thing, list | set | tuple):
        return tuple(map(fingerprint, thing))
    parts = thing if isinstance(thing, dict) else getattr(thing, "__dict__", {})
    return id(thing), *((name, fingerprint(value)) for name, value in parts.items())
