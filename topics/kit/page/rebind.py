"""The reader's code in the place of ours: rebinds a function everywhere, and puts it back. Knows no page.

A function is found by identity in every module below topics/, so that a kit function that a topic has imported
under another name is replaced there too. A reference kept elsewhere (in a closure, a default argument, a
partial) is not.
"""

import ast
import importlib
import linecache
import sys

ORIGINALS = {}  # target: the function as we wrote it


class CodeError(Exception):
    """The reader's code can't be used: the message says why, `line` where (0: as a whole)."""

    def __init__(self, message, line=0):
        super().__init__(message)
        self.line = line


def filename(target):
    """The name under which tracebacks show the reader's code."""
    return f"<edited {target}>"


def define(target, code, namespace):
    """Execute code and return the function that it must define. Its helpers are its own: no other code sees them.

    target     "topics.kv_cache.decode_step": the last part is the function's name
    namespace  the globals that the code sees
    raises     CodeError with the line of a syntax error, or of what failed while it was defined
    """
    name = target.rpartition(".")[2]
    file = filename(target)
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)  # tracebacks quote it
    made = {}
    try:
        compile(code, file, "exec")  # what may not stand outside a function
        cell = ast.parse("def cell(): pass")  # its locals are the code's names
        cell.body[0].body = [*ast.parse(code, file).body, *ast.parse("return locals()").body]
        exec(compile(ast.fix_missing_locations(cell), file, "exec"), namespace, made)
        function = made["cell"]().get(name)
    except SyntaxError as error:
        raise CodeError(f"SyntaxError: {error.msg}", error.lineno or 0) from None
    except Exception as error:
        raise CodeError(f"{type(error).__name__}: {error}", line_in(error, file)) from error
    if not callable(function):
        raise CodeError(f"The code must define a function named {name}.")
    return function


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
    new = define(target, code, vars(home))
    vars(new).update({key: value for key, value in vars(old).items() if key not in vars(new)})  # a demo's controls
    ORIGINALS.setdefault(target, old)
    swap(old, new)


def restore(target=None):
    """Put our version of one function back, or of all."""
    for each in [target] if target else list(ORIGINALS):
        if each in ORIGINALS:
            home, name = locate(each)
            swap(getattr(home, name), ORIGINALS.pop(each))


def locate(target):
    module, _, name = target.rpartition(".")
    return importlib.import_module(module), name


def swap(old, new):
    """Replace an object by another in every module below topics/, and forget all results that are kept there: they may
    have come from the old one."""
    for name, module in list(sys.modules.items()):
        if name == "topics" or name.startswith("topics."):
            for key, thing in list(vars(module).items()):
                if thing is old:
                    setattr(module, key, new)
                elif hasattr(thing, "cache_clear"):
                    thing.cache_clear()
