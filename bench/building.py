"""How long an author waits: a build from nothing, with nothing changed, with one page's prose, with one demo changed.

Run as `python -m bench.building`: in a copy of the project's topics. Take the times of a busy machine lightly.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from topics import ORDER
from topics.kit.page.topic import modules

REPOSITORY = Path(__file__).resolve().parent.parent
LIMITS = {"from nothing": 180, "nothing changed": 6, "prose of one page": 8, "a demo of one page": 9}  # seconds
SLUG, DEMO = "mla", "house_model.py"  # one of the larger pages, and its file with demos of the house model


def measure(say=print):
    """{change: {"wall", "cpu"}} in seconds, of a project with all topics."""
    with TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        slugs = copy(root)
        say(f"        building {len(slugs)} pages, from nothing and after three changes", flush=True)
        page, demos = root / f"topics/{SLUG}/page.md", root / f"topics/{SLUG}/{DEMO}"
        changes = {
            "from nothing": lambda: None,
            "nothing changed": lambda: None,
            "prose of one page": lambda: page.write_text(page.read_text() + "\nOne sentence more.\n"),
            "a demo of one page": lambda: demos.write_text(changed_demo(demos.read_text())),
        }
        return {name: timed(root, change) for name, change in changes.items()}


def changed_demo(text):
    """The file's first demo with another label on its first control: it is computed anew, its grid with it."""
    return re.sub(r'(Slider\()"', r'\1"Now: ', text, count=1)


def timed(root, change):
    change()
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, REPOSITORY / "build.py", "--root", root, "build"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": time.perf_counter() - began, "cpu": cpu}


def describe(found):
    """All times as lines of text; of a build from nothing also how many cores were at work."""
    lines = [f"        build, {change}: {seconds['wall']:.1f} s" for change, seconds in found.items()]
    cold = found["from nothing"]
    return "\n".join([*lines, f"        cores at work, from nothing: {cold['cpu'] / cold['wall']:.1f}"])


def copy(root):
    """A project with all topics; their slugs."""
    for folder in ("topics", "tests/topics"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return [slug for members in ORDER.values() for slug in members if modules(slug)]


if __name__ == "__main__":
    print(describe(measure()))
