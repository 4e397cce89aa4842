"""Content that would break, end or hang a build is told as a fault, and whatever else stands there goes on."""

import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from builder import watch
from builder.page.glossary import parse_glossary
from builder.page.pictures import Pictures, flaw
from builder.page.values import NumberError, value_text
from builder.read.frontmatter import parse
from builder.read.order import read_order
from builder.texts import read_text
from tests.builder.fuzz import fuzz
from tests.conftest import REPOSITORY, make_project, run_build
from topics.kit import Slider, demo
from topics.kit.page.controls import ControlError

DEMO = '''from topics.kit import {also}Metrics, Slider, demo


def double(x):
    return 2 * x


@demo(n=Slider("N", 1, 5, value=2))
def doubled(n):
    """Twice the slider."""
    return Metrics(("twice", double(n), "")){more}
'''
RAGGED = '''from topics.kit import Matrix, demo


@demo()
def doubled():
    """Rows of several lengths."""
    return Matrix([[1, 2], [3]], ["a"], ["b"])
'''
PNG = b"\x89PNG\r\n\x1a\n....IEND\xaeB`\x82"


def module(more="", also=""):
    return DEMO.format(more=more, also=also)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What a build says of a project in which every topic would once have ended it with a traceback, or silently."""
    add = make_project(tmp_path_factory.mktemp("broken") / "project")
    add("exits", "Words.\n\nIt is [[value exit(3)]].\n", module())
    add("ends", "Words.\n", "import os\n\nos._exit(0)\n")
    add("leaves", "Words.\n", "raise SystemExit\n")
    add("long", "It is [[value 10**5000]].\n\n[[code made]]\n", module("\n\n\nexec('def made(): pass')"))
    add("unlabelled", "[[demo doubled]]\n", module().replace('"N"', '" "'))
    add("many", "[[demo doubled]]\n", module().replace("1, 5", "1, 10**8"))
    add("halved", "[[exercise ask]]\n", module(EXERCISE, "exercise, ").replace("Multiply.", "\\ud800"))
    add("closing", "[[demo doubled]]\n", module().replace("return 2 * x", "import os\n    os.closerange(0, 100)"))
    add("ragged", "[[demo doubled]]\n", RAGGED)
    add("failing", "[[demo doubled]]\n", module(', Badge("max|Δ|", 1e-3, 1e-6)', "Badge, "))
    add("unstarted", "[[exercise ask]]\n", module(EXERCISE, "exercise, ").replace("return x\\n", "return x +\\n"))
    add("unsolved", "[[exercise ask]]\n", module(EXERCISE, "exercise, ").replace("solution=double", "solution=None"))
    add("prompted", "[[exercise ask]]\n", module(EXERCISE, "exercise, ").replace("Write", "Write </main>"))
    add("pictured", "![a](cut.png)\n\n![b](on.png)\n\n![c](https://a.b/c.png)\n", module())
    (add.root / "topics/pictured/cut.png").write_bytes(PNG[:12])
    (add.root / "topics/pictured/one.png").write_bytes(PNG)
    for slug, data in {"latin": "Wörter.\n".encode("latin-1"), "null": b"a\n\0\n"}.items():
        add(slug)
        page = add.root / "topics" / slug / "page.md"
        page.write_bytes(page.read_bytes() + data)
    add("coded", "Words.\n", "x = 1\n")
    (add.root / "topics/coded/method.py").write_bytes(b"x = 1\n# \xfc\n")
    add("locked", "Words.\n", "x = 1\n")
    (add.root / "topics/locked/.#page.md").symlink_to("someone@somewhere.1")
    (add.root / "topics/locked/.#demos.py").symlink_to("someone@somewhere.1")
    (add.root / "topics/.#glossary.md").write_text("")
    add("404", "Words.\n", "x = 1\n")
    return run_build("build", root=add.root, expect=1, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")


EXERCISE = '''


@exercise(start="def triple(x):\\\\n    return x\\\\n", solution=double, hint="Multiply.")
def ask(answer, rng):
    """Write `triple(x)`, please."""
    assert answer(2) == 4'''.replace("\\\\", "\\")


@pytest.mark.parametrize(
    "line",
    [
        r"exits/page\.md:8: \[\[value exit\(3\)\]\]: SystemExit: 3",
        r"ends/demos\.py: its import ended Python with status 0",
        r"leaves/demos\.py:1: SystemExit",
        r"long/page\.md:6: \[\[value 10\*\*5000\]\]: Exceeds the limit \(4300 digits\)",
        r"long/page\.md:8: \[\[code made\]\] has no source",
        r"unlabelled/demos\.py:8: DemoError: .*n has no label",
        r"many/demos\.py:8: ControlError: N: has 99,999,999 steps, at most 10,000",
        r"failing/demos\.py:8: doubled at its defaults: ValueError: the badge “max\|Δ\|” does not hold: 0\.001",
        r"halved/page\.md: the page holds half a sign",
        r"closing/demos\.py:9: doubled at its defaults ended Python with status 1",
        r"ragged/demos\.py:4: doubled at its defaults: ValueError: setting an array element with a sequence",
        r"unstarted/demos\.py:14: ask: its starting point can't be read: SyntaxError",
        r"unsolved/demos\.py:14: ExerciseError: .*solution is a function that passes its check, not None",
        r"prompted/demos\.py:14: ask: </main>: raw HTML does not stand on a page",
        r"pictured/page\.md:6: cut\.png: is no whole png file",
        r"pictured/page\.md:8: on\.png: is no picture in topics/pictured; .* Did you mean one\.png\?",
        r"pictured/page\.md:10: https://a\.b/c\.png: lies elsewhere",
        r"latin/page\.md:6: is not UTF-8 \(byte 0xf6\): save it as UTF-8",
        r"null/page\.md:7: holds the control character U\+0000",
        r"coded/method\.py:2: is not UTF-8 \(byte 0xfc\)",
        r"__init__\.py:3: 404 is the name of a page or folder of the site's own",
    ],
)
def test_what_would_have_ended_a_build_is_a_fault_with_its_place(told, line):
    assert re.search(f"^topics/{line}", told, re.M), told


def test_what_an_editor_leaves_is_no_fault_and_nothing_is_a_traceback(told):
    assert not re.search(r"topics/locked|\.#|Traceback|failure\.txt", told), told


def test_what_hangs_is_ended_and_named_while_the_rest_is_told(tmp_path):
    add = make_project(tmp_path / "project")
    add("sums", "Words.\n\nIt is [[value sum(range(10**13))]].\n", "x = 1\n")
    add("loops", "Words.\n", "while True:\n    pass\n")
    add("sleeps", "[[demo doubled]]\n", module().replace("return 2 * x", "import time\n    time.sleep(10**6)"))
    add("other", "[[value x]]\n", "y = 1\n")
    said = run_build("build", root=add.root, expect=1, LLM_INTERNALS_PATIENCE="4")
    for line in (
        r"sums/page\.md:8: \[\[value sum\(range\(10\*\*13\)\)\]\] did not end within 4 s",
        r"loops/demos\.py: its import did not end within 4 s",
        r"sleeps/demos\.py:\d+: doubled at its defaults did not end within 4 s",
        r"other/page\.md:6: \[\[value x\]\]: name 'x' is not defined",
    ):
        assert re.search(f"^topics/{line}", said, re.M), said


def test_a_step_that_takes_long_is_named_before_it_ends(monkeypatch, capsys):
    task = watch.Task.__new__(watch.Task)
    task.pipe, task.process = SimpleNamespace(poll=lambda: False), SimpleNamespace(pid=0)
    task.began("topics/a/demos.py", 3, "f at its defaults")
    task.since -= watch.TOLD + 1
    assert not task.listen() and not task.listen()
    assert capsys.readouterr().out == "topics/a/demos.py:3: f at its defaults: 11 s so far\n"


@pytest.mark.parametrize(("worked", "starved"), [(0, False), (1, False), (5, True), (59, True), (61, False)])
def test_a_step_that_others_keep_from_the_processor_goes_on(monkeypatch, worked, starved):
    """In 200 s, of the 60 that it has: one that sleeps, one that works as far as it may, one that has had them."""
    task = watch.Task.__new__(watch.Task)
    task.process, task.worked = SimpleNamespace(pid=0), 0
    monkeypatch.setattr(watch, "PATIENCE", 60)
    monkeypatch.setattr(watch, "seconds_at_work", lambda pid: worked)
    assert task.starved(200) == starved
    assert not task.starved(601)


CRASH = """
import ctypes
from builder import watch

def crash(_):
    watch.step("topics/a/demos.py", 3, "f at its defaults")
    ctypes.string_at(0)

print(watch.run(crash, {"a": None}, ".")["a"][1])
"""


def test_a_crash_names_what_ran():
    done = subprocess.run([sys.executable, "-c", CRASH], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.stdout == "topics/a/demos.py:3: f at its defaults ended Python by SIGSEGV\n", done.stderr


# ---- order


@pytest.mark.parametrize(
    ("text", "place", "cause"),
    [
        ("ORDER = {\n", 1, "'{' was never closed"),
        ("x = 1\n", 1, "holds ORDER and PATHS, and nothing else"),
        ("\nwhile True:\n    pass\n", 2, "nothing else"),
        ("", 0, "has no ORDER"),
        ('ORDER = {"a": 3}\n', 1, "is written ORDER = {"),
        ('ORDER = ["a"]\n', 1, "is written ORDER = {"),
        ('ORDER = {"a": []}\nPATHS = {"b": [\n"x",\n4]}\n', 4, "is written PATHS = {"),
        ('ORDER = {"a": [],\n"a": []}\n', 2, "a stands twice in ORDER"),
        ("(" * 5000, 1, "SyntaxError"),
        ("-" * 50_000 + "1", 0, "too complex"),
    ],
)
def test_order_is_read_and_never_run(tmp_path, text, place, cause):
    (tmp_path / "topics").mkdir()
    (tmp_path / "topics/__init__.py").write_text(text)
    order, faults = read_order(tmp_path)
    assert order.sections == {}
    assert (faults[0].file, faults[0].line) == ("topics/__init__.py", place) and cause in faults[0].cause


def test_a_broken_order_ends_a_build_without_a_traceback(project):
    project("one", "Words.\n", "x = 1\n")
    (project.root / "topics/__init__.py").write_text("while True:\n    pass\n")
    assert "topics/__init__.py:1: this file holds ORDER" in run_build("build", root=project.root, expect=1)
    assert "topics/__init__.py:1: this file holds ORDER" in run_build("check", root=project.root, expect=1)


# ---- front matter, values, texts


@pytest.mark.parametrize(
    ("entry", "cause"),
    [
        ("reviewed: 2026-13-45", "reviewed: ValueError: month must be in 1..12"),
        ("minutes: !!int x", "minutes: ValueError"),
        (f"minutes: {'9' * 5000}", "minutes: ValueError: Exceeds the limit"),
        ("minutes: !!python/name:os.system", "minutes: ConstructorError"),
        ("? [a, b]\n: c", "unknown key"),
        ('title: "\\ud800"', "title is one line of text"),
        ('title: "a\\nb"', "title is one line of text"),
        ("needs: &a [*a]", "needs is a list of topics"),
        ("needs: " + "[" * 3000, "YAML:"),
        ("title: {a: b}", "title is a text"),
    ],
)
def test_front_matter_of_odd_kinds_is_a_fault_at_its_line(entry, cause):
    text = f"---\nsummary: b\n{entry}\n---\nBody\n"
    faults = [fault for fault in parse(text, "a.md")[3] if "missing" not in fault.cause]
    assert any(cause in fault.cause and fault.line in (2, 3) for fault in faults), faults
    assert all(len(fault.cause) < 400 for fault in faults)


@pytest.mark.parametrize("anchors", [9, 40])
def test_front_matter_that_grows_when_it_is_written_out_does_not(anchors):
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, anchors)]
    assert parse("---\n" + "\n".join(lines) + "\n---\n", "a.md")[3]


@pytest.mark.parametrize(
    "argument",
    [
        "10**5000",
        "'a' * 500",
        "exit()",
        "1 : .999999f",
        "-" * 50_000 + "1",
        "(" * 300,
        "float('1e400') : d",
        "'\\ud800'",
    ],
)
def test_a_value_that_nobody_could_read_says_why(argument):
    with pytest.raises(NumberError) as error:
        value_text(argument, {})
    assert len(str(error.value)) < 700


def test_an_empty_glossary_and_one_with_an_exercise_are_no_traceback():
    assert parse_glossary("", "g.md")[1] == []
    _, faults = parse_glossary("## a\n\nb [[exercise c]]\n\n[[demo d]]\n", "g.md")
    assert {fault.line for fault in faults} == {3, 5}


@pytest.mark.parametrize(
    ("data", "text", "fault"),
    [
        (b"\xef\xbb\xbfa\r\nb\rc", "a\nb\nc", None),
        ("é".encode("utf-16"), "", (1, "is UTF-16")),
        (b"a\nb\xe9", "", (2, "is not UTF-8 (byte 0xe9)")),
        (b"a\nb\x08", "a\nb\x08", (2, "U+0008")),
    ],
)
def test_a_text_is_utf_8_or_a_fault_at_its_line(tmp_path, data, text, fault):
    (tmp_path / "a").write_bytes(data)
    found, faults = read_text(tmp_path / "a", "a.md")
    assert found == text
    assert [(each.line, fault[1] in each.cause) for each in faults] == ([(fault[0], True)] if fault else [])


# ---- controls, pictures


def test_a_control_has_a_label_and_as_many_stops_as_are_of_use():
    with pytest.raises(TypeError, match="n has no label"):
        demo(n=Slider("", 1, 5, value=2))(lambda n: None)
    with pytest.raises(ControlError, match="at most 10,000"):
        Slider("N", 0, 10**30, value=1)


def test_pictures_are_named_by_what_they_hold(tmp_path):
    (tmp_path / "a.png").write_bytes(PNG)
    pictures = Pictures(tmp_path, "dice")
    assert re.fullmatch(r"static/dice-\w{16}\.png", pictures.address("a.png"))
    assert list(pictures.files.values()) == [PNG]
    for name in ("b.png", "A.png", "../a.png", "a.md", ""):
        with pytest.raises(ValueError, match="is no picture in topics/dice"):
            pictures.address(name)


@pytest.mark.parametrize(
    ("kind", "data", "whole"),
    [
        (".png", PNG, True),
        (".png", PNG[:-3], False),
        (".png", b"", False),
        (".jpg", b"\xff\xd8\xff..\xff\xd9", True),
        (".jpg", PNG, False),
        (".webp", b"RIFF\x06\0\0\0WEBPxx", True),
        (".webp", b"RIFF\x09\0\0\0WEBPxx", False),
        (".svg", b'<svg xmlns="http://www.w3.org/2000/svg"><g/></svg>', True),
        (".svg", b"<svg><g></svg>", False),
        (".svg", b"<html/>", False),
        (".gif", b"GIF8" + bytes(600_000) + b";", False),
    ],
)
def test_a_picture_is_whole_and_of_its_kind(kind, data, whole):
    assert (flaw(data, kind) == "") == whole


def test_a_picture_is_copied_and_shown(project):
    project("one", "![A curve of $x$](curve.png)\n", "x = 1\n")
    (project.root / "topics/one/curve.png").write_bytes(PNG)
    run_build("build", root=project.root)
    (picture,) = re.findall(r"<img [^<>]*>", (project.root / "site/one.html").read_text())
    address, text = (re.search(rf'{name}="([^"]+)"', picture)[1] for name in ("src", "alt"))
    assert text == "A curve of x" and (project.root / "site" / address).read_bytes() == PNG


def test_a_half_written_test_is_a_warning_and_in_check_a_fault(project):
    project("one", "Words.\n", "x = 1\n")
    (project.root / "tests/test_one.py").write_text("def test_a(:\n")
    assert "warning: tests/test_one.py:1: SyntaxError" in run_build("build", root=project.root)
    assert "tests/test_one.py:1: SyntaxError" in run_build("check", root=project.root, expect=1)


def test_a_broken_kit_is_told_at_its_line(project):
    project("one", "Words.\n", "x = 1\n")
    views = project.root / "topics/kit/page/views.py"
    views.write_text(f"{views.read_text(encoding='utf-8')}\ndef f(:\n", encoding="utf-8")
    line = views.read_text(encoding="utf-8").count("\n")
    assert f"topics/kit/page/views.py:{line}: SyntaxError" in run_build("build", root=project.root, expect=1)


# ---- anything


def test_whatever_is_spoilt_is_built_or_told_as_a_fault_with_its_place():
    """As `make fuzz`, with fewer mutations."""
    assert fuzz(60, 0, say=lambda _: None) == []


def test_a_failure_of_the_builder_itself_is_told_in_a_line(project):
    project("one", "Words.\n", "x = 1\n")
    code = "import runpy, sys, builder.site as s; s.build = None; sys.argv = ['build.py', '--root', %r, 'build']; "
    command = [
        sys.executable,
        "-X",
        "utf8",
        "-c",
        code % str(project.root) + "runpy.run_path('build.py', run_name='__main__')",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert re.search(r"TypeError: 'NoneType' object is not callable.*\.cache/failure\.txt", done.stderr)
