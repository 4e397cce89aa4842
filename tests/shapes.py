"""Holds the shapes that sources claim (claims.py) against the arrays that really pass. Knows nothing of pytest.

    with tracing(files) as tracer: ...        then tracer.problems, and tracer.unchecked(): what no call has shown

A letter is the int of that name among the local variables as it is at that moment (so it may grow in a loop), else
what an earlier shape of the same call bound it to, else an int of that name in a dataclass among the local variables
(model.D), else in the module. What is in none of them is bound by the first shape that has it, if that can be solved.

Only the first CALLS calls of a function are looked at, or PATIENCE calls while none has reached a line. Not seen: what
a `...` hides, whether an axis means what its letter says, which of two axes of one length is which, and a statement
that raises and is caught in its function.
"""

import re
import sys
from contextlib import contextmanager
from dataclasses import is_dataclass

import numpy as np

from tests.claims import NAME, Problem, read

CALLS = 50  # of a function that is called thousands of times, the next call says little that is new
PATIENCE = 1000  # calls to wait for a line that none has reached
TOOL = 4  # of sys.monitoring: debuggers, coverage and profilers have other numbers
EVENTS = sys.monitoring.events


@contextmanager
def tracing(files):
    """Trace the functions of these files, and no others, while the block runs."""
    tracer, monitoring = Tracer(files), sys.monitoring
    monitoring.use_tool_id(TOOL, "shapes")
    callbacks = {EVENTS.PY_START: tracer.starts, EVENTS.LINE: tracer.goes_on, EVENTS.PY_RETURN: tracer.returns}
    for event, callback in callbacks.items():
        monitoring.register_callback(TOOL, event, callback)
    monitoring.restart_events()  # those that an earlier tracer switched off
    monitoring.set_events(TOOL, EVENTS.PY_START)
    try:
        yield tracer
    finally:
        monitoring.set_events(TOOL, 0)
        for code in tracer.codes:
            monitoring.set_local_events(TOOL, code, 0)
        for event in callbacks:
            monitoring.register_callback(TOOL, event, None)
        monitoring.free_tool_id(TOOL)


class Tracer:
    """What is claimed of files, the calls that are under way, and the problems so far."""

    def __init__(self, files):
        self.functions, self.calls, self.codes, self.found = {}, {}, set(), {}
        for file in map(str, files):
            functions, problems = read(file)
            self.functions |= {(file, *key): function for key, function in functions.items() if function.claims()}
            self.found |= {problem[:3]: problem for problem in problems}

    @property
    def problems(self):
        return sorted(self.found.values())

    def unchecked(self, file):
        """A file's claims that no call has put to the test, as Problems by the name of their function."""
        return {
            Problem(claim.file, claim.line, claim.text(), "no call that shows it"): name
            for (path, _, name), function in self.functions.items()
            for claim in function.claims()
            if path == str(file) and not claim.checked
        }

    def report(self, claim, expected, found):
        problem = Problem(claim.file, claim.line, expected, found)
        self.found.setdefault(problem[:3], problem)

    def starts(self, code, _):
        function = self.functions.get((code.co_filename, code.co_firstlineno, code.co_name))
        if function is None or function.calls >= (
            CALLS if all(claim.checked for claim in function.claims()) else PATIENCE
        ):
            sys.monitoring.set_local_events(TOOL, code, 0)
            return sys.monitoring.DISABLE
        if code not in self.codes:
            self.codes.add(code)
            sys.monitoring.set_local_events(TOOL, code, EVENTS.LINE | EVENTS.PY_RETURN)
        function.calls += 1
        frame = sys._getframe(1)
        self.calls[id(frame)] = call = Call(function, self.report)
        call.starts(frame)
        return None

    def goes_on(self, code, line):
        frame = sys._getframe(1)
        if call := self.calls.get(id(frame)):
            call.goes_on(frame, line)

    def returns(self, code, _, value):
        frame = sys._getframe(1)
        if call := self.calls.pop(id(frame), None):
            call.returns(frame, value)


class Call:
    """One call of a function: where it is, and what its letters are bound to."""

    def __init__(self, function, report):
        self.function, self.report = function, report
        self.bound, self.statement, self.returning = {}, None, None

    def starts(self, frame):
        """Hold the docstring against the arguments."""
        values = frame.f_locals
        self.hold(frame, [(claim, [(name, values[name]) for name in claim.names]) for claim in self.function.arguments])

    def goes_on(self, frame, line):
        """A line begins; when it is another statement's, the last one has been executed."""
        begun = self.function.statements.get(line)
        if begun is not self.statement:
            self.ends(frame)
            self.statement = begun
            if begun:
                self.returning = begun if begun.returns else None

    def ends(self, frame):
        """Hold the comment behind the last statement against what its targets are now."""
        if (last := self.statement) and last.claim and not last.returns:
            self.hold(frame, [(last.claim, [(name, look_up(name, frame)) for name in last.claim.names])])

    def returns(self, frame, value):
        """Hold the comment behind the return, and the docstring, against what is returned."""
        self.ends(frame)
        claims = [(claim, [("", value)]) for claim in self.function.results]
        if self.returning and (claim := self.returning.claim):
            parts = isinstance(value, tuple) and len(value) == len(claim.names)
            claims.append((claim, list(zip(claim.names, value, strict=True)) if parts else [("", value)]))
        self.hold(frame, claims)

    def hold(self, frame, claims):
        """Hold claims against their (name, value) pairs: plain letters of all of them first, then expressions."""
        axes = [axis for claim, values in claims for axis in self.axes(claim, values)]
        for axis, size, claim, text, sizes in sorted(axes, key=lambda each: not re.fullmatch(NAME, each[0])):
            if trouble := self.unite(axis, size, frame):
                self.report(claim, text, f"{sizes}: {trouble}")

    def axes(self, claim, values):
        """Every axis that a claim names, with its length; reports ranks that differ."""
        try:
            held = pairs(claim, values)
        except ValueError as error:
            claim.checked = True
            return self.report(claim, claim.text(), str(error)) or []
        claim.checked, found = claim.checked or bool(held), []
        for shape, value in held:
            matched = along(shape.axes, sizes := shape_of(value))
            if matched is None:
                self.report(claim, shape.text, type(value).__name__ if sizes is None else str(sizes))
            found += [(axis, size, claim, shape.text, sizes) for axis, size in matched or ()]
        return found

    def unite(self, axis, size, frame):
        """Bind what an axis leaves open, or compare. returns what is wrong, or None"""
        letters = {name: self.letter(name, frame) for name in re.findall(NAME, axis)}
        unbound = [name for name, value in letters.items() if value is None]
        said = ", ".join(f"{name} = {value}" for name, value in letters.items() if value is not None)
        twice = [name for name in letters if self.bound.get(name, letters[name]) != letters[name]]
        if twice:
            return f"{twice[0]} = {self.bound[twice[0]]} by an earlier shape, and a local variable {said}"
        if not unbound:
            long = evaluate(axis.lstrip("≤"), letters)
            fits = size <= long if axis.startswith("≤") else size == long
            return None if fits else f"{axis} is not {size}" + (f" where {said}" if said else "")
        solution = solve(axis, size, letters, *unbound)
        if solution is None:
            return f"{axis} = {size} can't bind {' and '.join(unbound)}" + (f" where {said}" if said else "")
        self.bound[unbound[0]] = solution
        return None

    def letter(self, name, frame):
        """What a letter stands for now, or None."""
        if whole(local := frame.f_locals.get(name)):
            return int(local)
        if name in self.bound:
            return self.bound[name]
        sizes = {getattr(each, name, None) for each in frame.f_locals.values() if is_dataclass(each)}
        sizes = {each for each in sizes if whole(each)} or {frame.f_globals.get(name)}
        size = sizes.pop()
        return int(size) if whole(size) and not sizes else None


def shape_of(value):
    """The shape of an array, a Tensor, a number, or a list whose members have one shape; None of anything else."""
    if isinstance(value, bool | int | float | complex):
        return ()
    if isinstance(value, list):
        inner = {shape_of(each) for each in value} or {()}
        return (len(value), *inner.pop()) if len(inner) == 1 and None not in inner else None
    shape = getattr(value, "shape", None)
    return shape if isinstance(shape, tuple) else None


def pairs(claim, values):
    """Which shape is said of which of some (name, value); of None and of functions none is. raises ValueError"""
    shapes = claim.shapes
    if all(value is None or callable(value) for _, value in values):
        return []
    if claim.members:
        return [pair for member in values[0][1] for pair in by_place(shapes, unpacked(shapes, member))]
    names = dict(values if len(values) > 1 or not isinstance(values[0][1], dict) else values[0][1])
    if all(shape.names and set(shape.names) <= names.keys() for shape in shapes):
        named = [(shape, names[name]) for shape in shapes for name in shape.names]
        held = [(s, each) for s, value in named for each in ([value] if s.times else unpacked([s], value))]
    else:
        held = by_place(shapes, [value for _, value in values] if len(values) > 1 else unpacked(shapes, values[0][1]))
    return [
        (shape, value) for shape, value in held if value is not None and (shape.times or shape_of(value) is not None)
    ]


def unpacked(shapes, value):
    """The values that shapes are said of: value itself, or its members."""
    several = len(shapes) > 1 or shapes[0].times != 1
    return list(value) if isinstance(value, tuple | list) and (several or shape_of(value) is None) else [value]


def by_place(shapes, values):
    spare = len(values) - sum(shape.times or 0 for shape in shapes)
    placed = [shape for shape in shapes for _ in range(spare if shape.times is None else shape.times)]
    if len(placed) > len(values):
        raise ValueError(f"{len(values)} values for {len(placed)} shapes")
    return list(zip(placed, values, strict=False))


def look_up(name, frame):
    """The value of a target now."""
    return eval(name, frame.f_globals, frame.f_locals)


def whole(value):
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def along(axes, sizes):
    """Each axis with its length, "..." left out; None where the ranks differ."""
    if sizes is None or len(sizes) < len(axes) - ("..." in axes):
        return None
    if "..." in axes:
        at = axes.index("...")
        after = len(axes) - at - 1
        return [*zip(axes[:at], sizes, strict=False), *zip(axes[at + 1 :], sizes[len(sizes) - after :], strict=True)]
    return list(zip(axes, sizes, strict=True)) if len(axes) == len(sizes) else None


def evaluate(axis, letters):
    plain = axis.replace("−", "-").replace("·", "*")
    return eval(re.sub(NAME, lambda name: f"letters[{name[0]!r}]", plain), {"letters": letters})


def solve(axis, size, letters, name, *more):
    """The whole number that makes an axis of one open letter, linear in it, as long as size; or None."""
    try:
        zero, one, two = ([evaluate(axis, letters | {name: x}) for x in (0, 1, 2)]) if not more else (0, 0, 0)
    except ZeroDivisionError:
        return None
    step = one - zero
    solution = (size - zero) / step if step and two - one == step else -1
    return int(solution) if solution >= 0 and solution == int(solution) else None
