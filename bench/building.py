"""How long an author waits: a build from nothing, with nothing changed, with one page's prose, with one demo changed.

Run as `python -m bench.building`. Each case is a project of its own: the topics as they are, and thirty of them (copies
under other names). Take the times of a busy machine lightly.
"""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from topics import ORDER
from topics.kit.page.topic import modules

REPOSITORY = Path(__file__).resolve().parent.parent
TODAY, ALL = "the topics of today", "thirty topics"
LIMITS = {"nothing changed": 2, "prose of one page": 3, "a demo of one page": 6}  # seconds, with the topics of today
SLUG, DEMO = "mla", "house_model.py"  # one of the larger pages, and its file with demos of the house model


def measure(say=print):
    """{case: {change: {"wall", "cpu"}}} in seconds, for the topics of today and for thirty."""
    slugs = [slug for members in ORDER.values() for slug in members if modules(slug)]
    return {TODAY: measured(slugs, len(slugs), say), ALL: measured(slugs, 30, say)}


def measured(slugs, n, say):
    with TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        copies(root, slugs, n)
        say(f"        building {n} topics, from nothing and after three changes", flush=True)
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


def describe(results):
    """All times as lines of text; of a build from nothing also how many cores were at work."""
    lines = []
    for case, found in results.items():
        lines += [f"        build, {case}, {change}: {seconds['wall']:.1f} s" for change, seconds in found.items()]
        cold = found["from nothing"]
        lines.append(f"        cores at work, from nothing: {cold['cpu'] / cold['wall']:.1f}")
    return "\n".join(lines)


def copies(root, slugs, n):
    """A project with the first n of the slugs, their copies mla_2, rope_2, … following."""
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in ("topics/kit", "topics/data", "topics/recorded", "tests/topics"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=ignored)
    for file in ("glossary.md", "references.bib"):
        shutil.copy(REPOSITORY / "topics" / file, root / "topics" / file)
    every = ((slug, slug if i == 1 else f"{slug}_{i}") for i in count(1) for slug in slugs)
    names = list(islice(every, n))
    for slug, name in names:
        shutil.copytree(REPOSITORY / "topics" / slug, root / "topics" / name, ignore=ignored)
        for path in (root / "topics" / name).glob("*.py"):
            path.write_text(path.read_text().replace(f"topics.{slug}.", f"topics.{name}."))
    (root / "topics/__init__.py").write_text(f"ORDER = {json.dumps({'All': [name for _, name in names]})}\n")


if __name__ == "__main__":
    print(describe(measure()))
