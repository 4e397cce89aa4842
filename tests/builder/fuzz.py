"""Spoils content at random: whatever stands in topics/, a build ends soon, with a site or with faults and their places.

    python -m tests.builder.fuzz 500 1        so many mutations, from this seed on; `make fuzz`

The topic that is spoilt is the one of topics/README.md, which shows every construct. Many spoilt copies are built at
once, each a topic of its own; what no topic owns (the glossary, sources, ORDER, tests) is spoilt one at a time.
"""

import os
import random
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.conftest import REPOSITORY, make_project

PATIENCE, LONGEST = 20, 400  # seconds for a step of the build, and for a build of a whole batch
BATCH, SHARED = 60, 20  # topics built at once; every so many mutations one of a shared file
END = "Here ends the page of dice."
FILES = ("page.md", "page.md", "page.md", "method.py", "demos.py", "exercises.py")  # of a topic; pages thrice as often
# fmt: off
BIB = "@book{bernoulli1713, author = {Bernoulli, Jacob}, title = {Ars {C}onjectandi}, year = {1713}}\n"
TEST = 'import pytest\n\npytestmark = pytest.mark.topic("dice0")\n\n\ndef test_a():\n    pass\n'
SHARED_TEXTS = {
    "topics/glossary.md": "## token\n\nA piece of [[term text : texts]], $x^2$.\n\n## text\n\nWords.\n",
    "topics/references.bib": BIB,
    "topics/corrections.md": "# Corrections\n\n## dice0, 2026-11-30\n\nStood there: a\n\nRight: $b$\n\nFound: c\n",
    "topics/__init__.py": '"""Order."""\n\nPATHS = {"All": ["dice0"]}\n\nORDER = {"Section": ["dice0"]}\n',
    "tests/topics/test_dice0.py": TEST,
}
ANY = [
    "\0", "\x0b", "\ufeff", "\u2028", "\udcff", "\t", "\r\n", "\\", "é", "🎲", "٣", "'",
    '"', '"""', "(" * 300, "[" * 3000,
    "%", "{", "}", "{{", "{%", "<", ">", "&", "$", "$$", "`", "```", "~~~", "|", "*", "**", "_", "#", "---\n", "///\n",
]
PAGE = [
    "</main>", "<div>", "<script>", "<!--", "-->", "<unk>", "x<y and z>w", "[^1]", "~~x~~", "- [ ] x", "![x](no.png)",
    "[[demo ", "[[", "]]", "[[value exit(3)]]", "[[value 9**9**6]]", "[[value '%s' % 1 : .1f]]", "[[value x]]",
    "\\begin{x}",
    "[[code nothing]]", "[[cite a b]]", "[[term x : $y$]]", "[[ink a]]", "[[exercise a]]", "[x](y.md#z)", "[a]: b\n",
    "title: [a]\n", "minutes: 1e400\n", "reviewed: 2026-13-45\n", "needs: &a [*a]\n", "summary: !!int x\n",
    "? [a]\n: b\n",
    "minutes: " + "9" * 5000, 'title: "\\ud800"\n', "needs: " + "[" * 2000, "\n/// predict | x\n{a, b}\n",
    "\n- a\n  - b\n",
]
CODE = [
    "exit(3)", "raise KeyboardInterrupt\n", "import os; os._exit(0)\n", "1 / 0\n", "def f(\n",
    "import nothing\n", "None",
    "float('nan')", "10**5000", "object()", "lambda: 0", "[]", "()", "...", "\n\nx = [[]]; x[0] = x\n",
    "print(1, ", "-1",
    "@demo()\n", "del np\n", "return\n", "yield\n", "class A: pass\n", "solution=None", "if True:\n",
    "'\\ud800'", "2**31",
]
SLOW = ["while True: pass\n", "import time; time.sleep(10**6)\n", "sum(range(10**12))\n"]
# fmt: on


@dataclass
class Mutation:
    """One file, spoilt once."""

    seed: int
    file: str
    how: str

    def __str__(self):
        return f"mutation {self.seed}: {self.file}: {self.how}"


def spoilt(data, file, chance):
    """(bytes, how) of a text that someone has spoilt."""
    own = PAGE if file.endswith(".md") else CODE
    pieces = own if chance.random() < 0.6 else ANY
    if file.endswith(".py") and chance.random() < 0.02:
        pieces = SLOW
    lines, how = (
        data.split(b"\n"),
        chance.choice(["put", "put", "put", "line", "cut", "drop", "twice", "swap", "byte", "half"]),
    )
    at, line = chance.randrange(len(data)), chance.randrange(len(lines))
    if how in ("put", "line"):
        piece = chance.choice(pieces)
        what = piece.encode(errors="surrogateescape") if "\udcff" in piece else piece.encode()
        if how == "line":
            lines[line:line] = [what.strip(b"\n")]
            return b"\n".join(lines), f"line {line} is {piece[:30]!r}"
        return data[:at] + what + data[at:], f"{piece[:30]!r} at {at}"
    if how == "cut":
        end = at + chance.choice((1, 3, 20, 200))
        return data[:at] + data[end:], f"without {data[at:end][:30]!r}"
    if how == "byte":
        byte = bytes([chance.randrange(256)])
        return data[:at] + byte + data[at + 1 :], f"{byte!r} in place of {data[at : at + 1]!r} at {at}"
    if how == "half":
        return data[:at], f"ends at {at}"
    if how == "drop":
        return b"\n".join(lines[:line] + lines[line + 1 :]), f"without line {line}, {lines[line][:30]!r}"
    if how == "twice":
        lines[line:line] = [lines[line]] * chance.choice((1, 2, 40))
    else:
        other = chance.randrange(len(lines))
        lines[line], lines[other] = lines[other], lines[line]
    return b"\n".join(lines), f"{how} line {line}, {lines[line][:30]!r}"


def topic_of_the_readme(slug):
    """{file: bytes}."""
    text = (REPOSITORY / "topics/README.md").read_text(encoding="utf-8")
    found = re.findall(r"^`topics/dice/([\w.]+)`[^\n]*\n\n(`{3,})\w+\n(.*?)^\2$", text, re.S | re.M)
    texts = {file: text.replace("topics.dice", f"topics.{slug}") for file, _, text in found}
    texts["page.md"] += f"\n{END}\n"
    return {file: text.encode() for file, text in texts.items()}


def project(root, slugs):
    """A sound project with these topics; returns the folder of its topics."""
    make_project(root)
    (root / "tests/topics").mkdir()
    for file, text in SHARED_TEXTS.items():
        if "dice0" not in text or "dice0" in slugs:
            (root / file).write_text(text, encoding="utf-8")
    if slugs != ["dice0"]:
        order(root, slugs)
    for slug in slugs:
        (root / "topics" / slug).mkdir()
        for file, data in topic_of_the_readme(slug).items():
            (root / "topics" / slug / file).write_bytes(data)


def order(root, slugs):
    (root / "topics/__init__.py").write_text(f'"""Order."""\n\nORDER = {{"Section": {slugs!r}}}\n', encoding="utf-8")


def spoil(root, file, seed):
    chance = random.Random(seed)
    data, how = spoilt((root / file).read_bytes(), file, chance)
    (root / file).write_bytes(data)
    return Mutation(seed, file, how)


def build(root):
    """(status, what it printed); a build that does not end has no status."""
    command = [sys.executable, REPOSITORY / "build.py", "--root", root, "build"]
    env = os.environ | {"LLM_INTERNALS_PATIENCE": str(PATIENCE)}
    try:
        done = subprocess.run(command, capture_output=True, env=env, cwd=root, timeout=LONGEST)
    except subprocess.TimeoutExpired as error:
        return None, f"no end within {LONGEST} s: {(error.stdout or b'').decode(errors='replace')[-500:]}"
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


PLACED = re.compile(r"^((?:topics|tests)/[^:\n]+?):(\d+)?:? ", re.M)


def wrong_with(status, printed):
    """What no build may do; "" where it did nothing of it."""
    told = printed.partition("nothing written:\n")[2]
    if status not in (0, 1):
        return f"status {status}"
    for sign in ("Traceback", "failure.txt", "builder failed"):
        if sign in printed:
            return sign
    if status == 1 and not told:
        return "status 1 without a fault"
    if homeless := [line for line in told.splitlines() if line and not PLACED.match(line)]:
        return f"a fault without a file: {homeless[0]}"
    return ""


def try_topics(seeds, say):
    """[(Mutation or None, what is wrong)] of a build of many spoilt topics, and of one of those without a fault."""
    with tempfile.TemporaryDirectory() as folder:
        root, slugs = Path(folder) / "project", [f"dice{seed}" for seed in seeds]
        project(root, slugs)
        mutations = {}
        for slug, seed in zip(slugs, seeds, strict=True):
            mutations[slug] = spoil(root, f"topics/{slug}/{random.Random(f'file {seed}').choice(FILES)}", seed)
        status, printed = build(root)
        if wrong := wrong_with(status, printed):
            return [(None, f"{wrong}\n{printed[-3000:]}")]
        faulty = {file.split("/")[1] for file, _ in PLACED.findall(printed.partition("nothing written:\n")[2])}
        sound = [slug for slug in slugs if slug not in faulty]
        say(f"{len(faulty)} of {len(slugs)} topics told as faults")
        order(root, sound)
        for slug in set(slugs) - set(sound):
            (root / "topics" / slug / "page.md").unlink()
        status, printed = build(root)
        if wrong := wrong_with(status, printed) or (status and "a fault that was not told before"):
            return [(None, f"{wrong}\n{printed[-3000:]}")]
        return [(mutations[slug], wrong) for slug in sound if (wrong := lost(root, slug))]


def lost(root, slug):
    """What a built page has lost without a word."""
    source = (root / "topics" / slug / "page.md").read_text(encoding="utf-8")
    page = (root / "site" / f"{slug}.html").read_text(encoding="utf-8")
    if not page.endswith("</html>"):
        return "the page has no end"
    return "" if END not in re.sub(r"(?s)<!--.*?-->", "", source) or END in page else "the end of the page is lost"


def try_shared(seed, say):
    """One build of a sound topic beside a spoilt file of all."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        project(root, ["dice0"])
        mutation = spoil(root, random.Random(f"file {seed}").choice(list(SHARED_TEXTS)), seed)
        status, printed = build(root)
        say(f"{mutation.file} {'told as a fault' if status else 'built'}")
        wrong = wrong_with(status, printed)
        return [(mutation, f"{wrong}\n{printed[-3000:]}")] if wrong else []


def fuzz(number, seed, say=print):
    """[what is wrong] with that many mutations."""
    seeds = range(1000 * seed, 1000 * seed + number)
    shared = [seed for seed in seeds if seed % SHARED == 0]
    own = [seed for seed in seeds if seed % SHARED]
    found = []
    for start in range(0, len(own), BATCH):
        began, batch = time.monotonic(), own[start : start + BATCH]
        found += told(try_topics(batch, say), say)
        say(f"{start + len(batch)} topics tried, the last {len(batch)} in {time.monotonic() - began:.0f} s")
    for seed in shared:
        found += told(try_shared(seed, say), say)
    return found


def told(wrong, say):
    texts = [f"{mutation or 'a batch'}: {what}" for mutation, what in wrong]
    for text in texts:
        say(text)
    return texts


if __name__ == "__main__":
    wrong = fuzz(int(sys.argv[1]), int(sys.argv[2]), partial(print, flush=True))
    sys.exit(f"{len(wrong)} mutations were neither built nor told as faults" if wrong else None)
