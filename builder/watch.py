"""Runs what holds other people's code, each task in a process of its own: what hangs is ended, what dies is told.

A task says with `step` what it is about to do; from then on it has PATIENCE seconds for it. Knows nothing of the tasks.
"""

import os
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from pickle import PicklingError

from builder.faults import BuildError, Fault

# Seconds of the processor for one step, or of sleep: on a busy machine a step takes long that works as it should
PATIENCE = float(os.environ.get("LLM_INTERNALS_PATIENCE", 60))
ASLEEP = 0.02  # of the time at work: what works less waits for something
MOST = 10  # times PATIENCE by the clock: what looks again and again whether something has come works a little, too
TOLD = 10  # seconds after which a build says what it waits for
# Where it is safe a task starts as a copy of this process, in 10 ms: one thread, and numpy's have not begun
CONTEXT = get_context("fork" if sys.platform == "linux" else "spawn")

_report = None  # of a process that runs a task: where it tells its steps


def step(file, line, what):
    """Say what comes next: the place that a fault would name, and a few words such as "growth at its defaults"."""
    if _report:
        _report.send(("step", (file, line, what)))


def run(work, tasks, root):
    """{name: (result of work(task), None) or (None, the fault for which there is none)} for {name: task}.

    root  the project: an exception is told at the innermost line of its own files
    """
    waiting, running, done = list(tasks.items()), {}, {}
    sys.stdout.flush()  # or a copy of this process would print it once more
    try:
        while waiting or running:
            while waiting and len(running) < (os.cpu_count() or 1):
                name, task = waiting.pop(0)
                running[name] = Task(work, task, root)
            connection.wait([task.pipe for task in running.values()], timeout=1)
            for name, task in list(running.items()):
                if task.listen():
                    done[name] = task.outcome
                    del running[name]
    finally:
        for task in running.values():
            task.end()
    return {name: done[name] for name in tasks}


class Task:
    """A process, what it does, and since when."""

    def __init__(self, work, task, root):
        self.pipe, there = CONTEXT.Pipe(duplex=False)
        self.process = CONTEXT.Process(target=_run, args=(there, work, task, root), daemon=True)
        self.process.start()
        there.close()  # so that its end is seen
        self.began("", 0, "")
        self.outcome = None

    def began(self, *place):
        self.step, self.since, self.told = place, time.monotonic(), TOLD
        self.worked = seconds_at_work(self.process.pid)

    def listen(self):
        """Whether it is over."""
        try:
            while self.pipe.poll():
                kind, what = self.pipe.recv()
                if kind == "step":
                    self.began(*what)
                elif kind == "error":
                    self.end()
                    raise what
                else:
                    return self.over((what, None) if kind == "result" else (None, what))
        except EOFError:
            self.process.join()
            return self.lost(f"{self.step[2]} ended Python {_how(self.process.exitcode)}")
        waited = time.monotonic() - self.since
        if waited > PATIENCE and not self.starved(waited):
            return self.lost(f"{self.step[2]} did not end within {PATIENCE:g} s")
        if waited > self.told:
            print(f"{Fault(*self.step)}: {waited:.0f} s so far", flush=True)
            self.told += TOLD
        return False

    def starved(self, waited):
        """Whether it works, and has not had its seconds yet since others had the processor."""
        worked = seconds_at_work(self.process.pid) - self.worked
        return ASLEEP * waited < worked < PATIENCE and waited < MOST * PATIENCE

    def lost(self, cause):
        return self.over((None, Fault(*self.step[:2], cause)))

    def over(self, outcome):
        self.outcome = outcome
        self.end()
        return True

    def end(self):
        self.process.kill()
        self.process.join()
        self.pipe.close()


def seconds_at_work(pid):
    """Seconds that a process has had of the processor, where the system tells (Linux); else 0."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _how(code):
    return f"with status {code}" if code >= 0 else f"by {signal.Signals(-code).name}"


def _run(pipe, work, task, root):
    """In the process of a task. It is interrupted by its parent only."""
    global _report
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    last = ["", 0, ""]
    _report = Report(pipe, last)
    try:
        answer = "result", work(task)
    except BuildError as error:
        answer = "error", error
    except BaseException as error:
        answer = "fault", fault_of(error, root, *last)
    with suppress(Exception):  # what ran may have closed anything; then its parent sees the end, and tells it
        try:
            pipe.send(answer)
        except (TypeError, AttributeError, PicklingError) as error:  # it can't be sent
            pipe.send(("fault", fault_of(error, root, *last)))
        sys.stdout.flush()
    os._exit(1)


def _end_with_parent():
    connection.wait([parent_process().sentinel])
    os._exit(1)


class Report:
    """Passes steps on and keeps the last."""

    def __init__(self, pipe, last):
        self.pipe, self.last = pipe, last

    def send(self, message):
        self.last[:] = message[1]
        self.pipe.send(message)


def fault_of(error, root, file="", line=0, what=""):
    """Any exception as a fault: at the author's line that raised it, else at the step, with the builder's own line."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_relative_to(root):
        return Fault(Path(error.filename).relative_to(root).as_posix(), error.lineno or 0, f"SyntaxError: {error.msg}")
    place = place_of(error, root, "")
    cause = f"{what}: {brief(error)}" if what else brief(error)
    if place[0]:
        return Fault(*place, cause)
    innermost = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" ({Path(frame.filename).name}:{frame.lineno})" for frame in innermost)
    return Fault(file, line, f"{cause}{where}")


def brief(error):
    """An exception in one line.

    >>> brief(ValueError("a  b\\nc"))
    'ValueError: a b c'
    """
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = "(its text can't be had)"
    return f"{type(error).__name__}: {text if len(text) <= 300 else text[:299] + '…'}".removesuffix(": ")


def place_of(error, root, default):
    """(file, line) of the innermost frame that lies in a topic's own file; the kit's frames name no author's line."""
    topics = Path(root) / "topics"
    inside = [
        (Path(frame.filename).relative_to(root), frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(topics)
    ]
    own = [place for place in inside if "kit" not in place[0].parts]
    return (own[-1][0].as_posix(), own[-1][1]) if own else (default, 0)
