"""The reader's code in the place of ours: rebinds a function everywhere, and puts it back. Knows no page.

A function is found by identity in every module below topics/, so that a kit function that a topic has imported
under another name is replaced there too. A reference kept elsewhere (in a closure, a default argument, a
partial) is not.
"""

import importlib
import linecache
import sys

ORIGINALS = {}  # target: the function as we wrote it
EDITED = {}  # target: the names that the reader's version of it sees


class CodeError(Exception):
    """The reader's code can't be used: the message says why, `line` where (0: as a whole)."""

    def __init__(self, message, line=0):
        super().__init__(message)
        self.line = line


def filename(target):
    """The name under which tracebacks show the reader's code."""
    return f"<edited {target}>"


def define(target, code, namespace):
    """Execute code as a module of its own and return (the function that it must define, its names).

    target     "topics.kv_cache.decode_step": the last part is the function's name
    namespace  the globals that the code begins with: it gets a copy, so that its helpers are its own
    raises     CodeError with the line of a syntax error, or of what failed while it was defined
    """
    name = target.rpartition(".")[2]
    file = filename(target)
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)  # tracebacks quote it
    names = {key: thing for key, thing in namespace.items() if key != name} | {"input": no_input}
    try:
        exec(compile(code, file, "exec", dont_inherit=True), names)
    except SyntaxError as error:
        raise CodeError(f"SyntaxError: {error.msg}", error.lineno or 0) from None
    except Exception as error:
        raise CodeError(f"{type(error).__name__}: {error}", line_in(error, file)) from error
    if not callable(names.get(name)):
        raise CodeError(f"The code must define a function named {name}.")
    return names[name], names


def no_input(prompt=""):
    """In the place of Python's own, which would say "I/O error"."""
    raise RuntimeError("input() has nobody to ask here: write the value into the code")


def line_in(error, file):
    """The line of the innermost frame of an exception that lies in a file, or 0."""
    line, trace = 0, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def rebind(target, code):
    """Put the reader's version of a function in the place of ours, in every module that has it."""
    home, name = locate(target)
    old = getattr(home, name)
    made, names = define(target, code, vars(home))
    new = made if _is_of(made, filename(target)) else lambda *args, **named: made(*args, **named)
    vars(new).update({key: value for key, value in vars(old).items() if key not in vars(new)})  # a demo's controls
    ORIGINALS.setdefault(target, old)
    EDITED[target] = names
    swap(old, new)


def _is_of(function, file):
    """Whether a function was written in this file: one of ours, or numpy's, under the reader's name is not to be put
    back in the place of ours everywhere."""
    return getattr(getattr(function, "__code__", None), "co_filename", "") == file


def restore(target=None):
    """Put our version of one function back, or of all."""
    for each in [target] if target else list(ORIGINALS):
        if each in ORIGINALS:
            home, name = locate(each)
            del EDITED[each]
            swap(getattr(home, name), ORIGINALS.pop(each))


def locate(target):
    module, _, name = target.rpartition(".")
    return importlib.import_module(module), name


def swap(old, new):
    """Replace an object by another in every module below topics/ and in the reader's other edits, and forget all
    results that are kept there: they may have come from the old one."""
    for names in [*(vars(module) for module in ours()), *EDITED.values()]:
        for key, thing in list(names.items()):
            if thing is old:
                names[key] = new
    forget()


def forget():
    """Forget all results that functions below topics/ keep."""
    for module in ours():
        for thing in list(vars(module).values()):
            if hasattr(thing, "cache_clear"):
                thing.cache_clear()


def ours():
    """The modules below topics/ that are there."""
    return [module for name, module in list(sys.modules.items()) if f"{name}.".startswith("topics.")]
