"""The build of small temporary projects: each kind of fault, what stays when it fails, and what it writes."""

import json
import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import numpy as np
import pytest

from builder import site
from builder.new import new_topic
from builder.page.standard import overdue
from builder.read.dependencies import Sources, surroundings
from builder.write import write
from tests.conftest import REPOSITORY, make_project, run_build

GOOD = '''"""A topic."""
from topics.kit import Choice, Metrics, Slider, Toggle, demo


def double(x):
    """Twice x.

    >>> double(2)
    4
    """
    return 2 * x


@demo(n=Slider("N", 1, 5, value=2))
def doubled(n):
    """Twice the slider."""
    return Metrics(("twice", double(n), ""))
'''


@pytest.fixture(scope="module")
def all_faults(tmp_path_factory):
    """One project with every kind of fault: they must all be told in one run."""
    add = make_project(tmp_path_factory.mktemp("faulty") / "project")
    add(
        "alpha",
        "[[demo doubles]]\n\n[[code doubl]]\n\n[[value doubel(1)]]\n\n[[value double(1) : .1q]]\n\n"
        "[[cite nobody2020]]\n\n[[term lodgit]]\n\n[[ink qery : q]]\n\n$\\frac{1$\n\n[[nonsense x]]\n\n"
        "[[demo doubled]] [[value 1 / 0]]\n\n[text](beta_missing.md)\n\n/// predit | What?\nYes.\n///\n\n"
        "$$x$$ {#eq:a}\n\n$$y$$ {#eq:a}\n\nSee [[eq b]].\n\n"
        "[[fig doubl]] [[citet nobody]] [there](theta.md#the-end) [and](glossary.md#logits)\n\n## Sources\n",
        GOOD,
        "title: A page\nsummery: What it is.\nminutes: five\nneeds: [alhpa]\nreviewed: lately\n",
    )
    add("beta", "Words.\n", "def f(:\n    pass\n")
    add("gamma", "Words.\n", "import numpy as np\n\nx = np.zeros(3)[7]\n")
    add("delta", "[[demo wrong]]\n", GOOD.replace("def doubled(n):", "def wrong(m):"))
    add("epsilon", "Words, but no module.\n")
    add("zeta", "[[demo doubled]]\n", GOOD.replace('double(n), ""', 'double(n) / 0, ""'))
    add("eta", "[[demo doubled]]\n", GOOD.replace('double(n), ""', 'float("nan"), ""'))
    add("theta", "[[demo doubled]]\n\n## The ends\n", GOOD.replace("return Metrics(", "return ("))
    add("iota", "[[demo doubled]]\n", GOOD)
    (add.root / "topics/iota/method.py").write_text(GOOD.partition("\n\n@demo")[0])
    for page in ("orphan/page.md", "lost.md"):
        (add.root / "topics" / page).parent.mkdir(exist_ok=True)
        (add.root / "topics" / page).write_text("---\ntitle: x\nsummary: x\nminutes: 1\n---\n")
    (add.root / "site/runtime-0").mkdir(parents=True)
    (add.root / "site/runtime-0/pyodide-lock.json").write_text("{}")  # by which the build knows its own site
    (add.root / "site/index.html").write_text("the old site")
    return run_build("build", root=add.root, expect=1), add.root


@pytest.mark.parametrize(
    "line",
    [
        r"topics/alpha/page\.md:3: .*summery.*Did you mean summary\?",
        r"topics/alpha/page\.md:4: .*minutes",
        r"topics/alpha/page\.md:5: .*alhpa.*Did you mean alpha\?",
        r"topics/alpha/page\.md:6: reviewed is the day of the last review",
        r"topics/alpha/page\.md:8: \[\[demo doubles\]\] is not in topics/alpha\. Did you mean doubled\?",
        r"topics/alpha/page\.md:10: \[\[code doubl\]\].*Did you mean double\?",
        r"topics/alpha/page\.md:12: \[\[value doubel\(1\)\]\]: name 'doubel' is not defined\. Did you mean double\?",
        r"topics/alpha/page\.md:14: .*\.1q",
        r"topics/alpha/page\.md:16: .*nobody2020 is not in references\.bib",
        r"topics/alpha/page\.md:18: .*lodgit is not in glossary\.md\. Did you mean logit\?",
        r"topics/alpha/page\.md:20: .*qery is not an idea colour\. Did you mean query\?",
        r"topics/alpha/page\.md:22: .*Unexpected end of input in a macro argument",
        r"topics/alpha/page\.md:24: .*nonsense",
        r"topics/alpha/page\.md:26: .*division by zero",
        r"topics/alpha/page\.md:28: links to beta_missing\.md, which does not exist",
        r"topics/alpha/page\.md:30: .*predit.*[Dd]id you mean predict\?",
        r"topics/alpha/page\.md:36: .*twice",
        r"topics/alpha/page\.md:38: .*no equation of this page has the label \{#eq:b\}",
        r"topics/alpha/page\.md:40: \[\[fig doubl\]\]: no \[\[demo doubl\]\] stands here\. Did you mean doubles\?",
        r"topics/alpha/page\.md:40: \[\[citet nobody\]\]: nobody is not in references\.bib",
        r"topics/alpha/page\.md:40: links to theta\.md#the-end: no such place there\. Did you mean the-ends\?",
        r"topics/alpha/page\.md:40: links to glossary\.md#logits: no such place there\. Did you mean logit\?",
        r"topics/alpha/page\.md:42: the id sources stands on this page 2 times",
        r"topics/beta/demos\.py:1: SyntaxError: ",
        r"topics/gamma/demos\.py:3: IndexError: ",
        r"topics/delta/demos\.py:\d+: DemoError: .*arguments \['m'\] but controls \['n'\]; the two lists must match",
        r"topics/epsilon/method\.py: does not exist",
        r"topics/zeta/demos\.py:\d+: doubled at its defaults: ZeroDivisionError",
        r"topics/eta/demos\.py:\d+: doubled at its defaults: ValueError: .*(nan|NaN|JSON compliant)",
        r"topics/theta/demos\.py:\d+: doubled at its defaults: DemoError: a demo returns views",
        r"topics/orphan/page\.md: is not in ORDER",
        r"topics/lost\.md: is no place for a page\. Move it to topics/lost/page\.md\.",
        r"topics/iota/method\.py:5: double is defined in topics/iota/demos\.py too: on the page, a name has one",
    ],
)
def test_every_fault_has_its_place_its_cause_and_a_remedy(all_faults, line):
    printed, _ = all_faults
    assert re.search(f"^{line}", printed, re.M), printed


def test_the_number_of_faults_is_told_and_the_old_site_stays(all_faults):
    printed, root = all_faults
    assert re.search(r"^\d+ faults, nothing written:$", printed, re.M)
    assert {p.name for p in (root / "site").iterdir()} == {"index.html", "runtime-0"}
    assert (root / "site/index.html").read_text() == "the old site"


def test_a_fault_is_no_traceback(all_faults):
    assert "Traceback" not in all_faults[0]


NO_UTF_8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}  # a locale that knows ASCII only


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A good project with one topic, made by `new`, and its site."""
    root = tmp_path_factory.mktemp("good") / "project"
    make_project(root)("planned_one")
    new_topic(root, "dice", say=lambda _: None)
    page = root / "topics/dice/page.md"
    page.write_text(page.read_text(encoding="utf-8") + "\n“Größe” is a word.\n", encoding="utf-8")
    return root, run_build("build", root=root, **NO_UTF_8)


def test_a_new_topic_builds(built):
    root, printed = built
    page = (root / "site/dice.html").read_text()
    assert "faults" not in printed
    assert 'id="demo-settling"' in page
    assert "<svg" in page
    assert re.search(r'<span class="value"[^>]*>2\.0</span>', page)


def test_a_site_is_utf_8_whatever_the_locale(built):
    page = (built[0] / "site/dice.html").read_bytes().decode()
    assert "“Größe” is a word." in page and " · LLM Internals</title>" in page


def test_a_new_topic_passes_its_test(built):
    import subprocess

    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--doctest-modules",
        "--import-mode=importlib",
        "-o",
        "consider_namespace_packages=true",
        "tests",
        "topics/dice",
    ]
    done = subprocess.run(
        [*command, "-W", "ignore::pytest.PytestUnknownMarkWarning"], cwd=built[0], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_a_topic_is_never_overwritten(built):
    printed = run_build("new", "dice", root=built[0], expect=1)
    assert "topics/dice/method.py: exists already; nothing was written" in printed


def test_a_slug_with_other_letters_is_refused(built):
    assert "small letters" in run_build("new", "Dice-Game", root=built[0], expect=1)


def test_building_twice_gives_the_same_bytes(built, tmp_path):
    root, _ = built
    run_build("build", "--out", tmp_path / "again", root=root)
    first, again = (read_all(folder) for folder in (root / "site", tmp_path / "again"))
    assert first.keys() == again.keys()
    assert [name for name in first if first[name] != again[name]] == []


def read_all(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_planned_topic_stands_on_the_index_without_a_link(built):
    index = (built[0] / "site/index.html").read_text()
    assert "In preparation" in index
    assert 'href="planned_one.html"' not in index
    assert 'href="dice.html"' in index


def test_the_page_says_which_tests_hold_it(built):
    assert "The running mean ends at the mean." in (built[0] / "site/dice.html").read_text()


def test_every_address_in_the_site_is_relative(built):
    for page in (built[0] / "site").glob("*.html"):
        if page.name == "404.html":
            continue  # served at any depth
        for url in re.findall(r'(?:href|src|grid)="([^"]+)"', page.read_text()):
            assert not url.startswith("/"), f"{page.name}: {url}"


def test_the_house_models_words_wait_until_a_reader_types(built):
    site = built[0] / "site"
    script = site / re.search(r'<script type="module" src="([^"]+)"', (site / "dice.html").read_text())[1]
    first = [script, *(script.parent / name for name in re.findall(r'from"\./([^"]+)"', script.read_text()))]
    assert [path.name for path in first if "Warsaw" in path.read_text()] == []


def test_the_404_page_knows_where_the_site_stands(built, tmp_path):
    run_build("build", "--out", tmp_path / "there", root=built[0], SITE_URL="https://example.org/llm-internals")
    assert 'href="https://example.org/llm-internals/static/' in (tmp_path / "there/404.html").read_text()


def test_a_build_removes_what_no_longer_belongs(built, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(built[0] / "site", out)
    (out / "stale").mkdir()
    (out / "stale/old.html").write_text("old")
    (out / ".gitignore").write_text("*")
    (out / ".git").mkdir()
    (out / ".git/HEAD").write_text("ref: refs/heads/gh-pages")
    run_build("build", "--out", out, root=built[0])
    assert not (out / "stale").exists()
    assert (out / ".gitignore").exists()
    assert (out / ".git/HEAD").exists()


def test_a_folder_that_holds_something_else_is_refused_and_stays_as_it_was(built):
    root = built[0]
    before = read_all(root)
    printed = run_build("build", "--out", ".", root=root, expect=1)
    assert re.search(rf"^{root}: holds \S+ and is no site built here: .* Name a new or", printed, re.M)
    assert read_all(root) == before


LIVE = GOOD.replace("@demo(", '@demo("live", ')


def test_a_live_demo_is_never_run_by_the_build(project):
    project("live", "[[demo doubled]]\n", LIVE.replace("double(n)", "double(n) / 0"))
    run_build("build", root=project.root)
    page = (project.root / "site/live.html").read_text()
    assert "Press Run. Twice the slider." in page
    assert "data-run" in page
    assert "grid=" not in page


def test_a_recorded_run_is_shown_and_marked_as_such(project):
    project("live", "[[demo doubled]]\n", LIVE)
    (project.root / "topics/recorded").mkdir()
    views = [{"view": "metrics", "items": [{"label": "twice", "value": 4, "unit": ""}]}]
    run = {"date": "2026-11-22", "command": "python -m training.twice", "views": views}
    (project.root / "topics/recorded/live.doubled.json").write_text(json.dumps(run))
    run_build("build", root=project.root)
    page = (project.root / "site/live.html").read_text()
    assert "Recorded on 2026-11-22 with: python -m training.twice." in page
    assert '<span class="metric-value">4</span>' in page


def test_a_live_demo_is_recorded_and_its_page_shows_the_run(project):
    project("live", "[[demo doubled]]\n", GOOD.replace("@demo(", '@demo("live", '))
    done = run_build("record", "live.doubled", root=project.root)
    assert "Recorded topics/recorded/live.doubled.json" in done
    run_build("build", root=project.root)
    page = (project.root / "site/live.html").read_text()
    assert "with: python build.py record live.doubled." in page
    assert "Press Run. " not in page


def test_only_live_demos_are_recorded(project):
    project("calm", "[[demo doubled]]\n", GOOD)
    done = run_build("record", "calm.doubled", root=project.root, expect=1)
    assert "calm.doubled is no live demo" in done
    assert not (project.root / "topics/recorded").exists()


def test_a_model_demo_is_not_run_again_for_the_same_inputs(project):
    fresh = f"\n# {uuid4()}\n"  # or an earlier run of this test has left its answer in the cache
    project("slow", "[[demo doubled]]\n", fresh + GOOD.replace("@demo(", '@demo("model", "tiny", ').replace(
        "    return Metrics", "    with open('runs', 'a') as runs:\n        runs.write('x')\n    return Metrics"
    ))  # fmt: skip
    run_build("build", root=project.root)
    runs = (project.root / "runs").read_text()
    run_build("build", root=project.root)
    assert (project.root / "runs").read_text() == runs != ""


def test_a_value_is_computed_again_when_the_code_has_changed_and_only_then(project):
    count = "def slow():\n    with open('values', 'a') as runs:\n        runs.write('x')\n    return seven()\n"
    project("val", "[[demo doubled]]\n\nIt is [[value slow()]].\n", GOOD + count)
    method = project.root / "topics/val/method.py"
    for seven, runs in (("7", 1), ("7  # a comment", 1), ("1 + 6", 2), ("1 + 6\n\n\ndef other():\n    pass", 2)):
        method.write_text(f"def seven():\n    return {seven}\n")
        (project.root / "topics/val/demos.py").write_text(f"from topics.val.method import seven\n{GOOD}{count}")
        run_build("build", root=project.root)
        assert len((project.root / "values").read_text()) == runs
        assert ">7</span>" in (project.root / "site/val.html").read_text()


def test_results_are_computed_again_with_another_numpy(project, monkeypatch):
    project("dice", "[[demo doubled]]\n", GOOD)
    before = Sources(project.root, "dice").key(["doubled"])
    assert Sources(project.root, "dice").key(["doubled"]) == before
    monkeypatch.setattr(np, "__version__", "2.0.3")
    surroundings.cache_clear()
    assert Sources(project.root, "dice").key(["doubled"]) != before


EXERCISE = (
    GOOD.replace("Toggle, demo", "Toggle, demo, exercise")
    + '''

def _triple(x):
    return 3 * x


@exercise(start="def triple(x):\\n    return x\\n", solution=_triple, hint="Multiply.")
def tripling(answer, rng):
    """Write `triple(x)`, please."""
    assert answer(2) == 6, f"triple(2) gave {answer(2)}"
'''
)


def test_an_exercise_shows_its_prompt_start_hint_and_solution(project):
    project("ex", "[[exercise tripling]]\n", EXERCISE)
    run_build("build", root=project.root)
    page = (project.root / "site/ex.html").read_text()
    assert re.search(r'<code-exercise name="ex\.tripling" of="\w{8}">', page)
    assert "Write <code>triple(x)</code>, please." in page
    assert page.index("<summary>Hint</summary><p>Multiply.") < page.index("<summary>Solution</summary>")
    assert "_triple" not in page


@pytest.mark.parametrize(
    ("reviewed", "today", "says"),
    [
        (date(2026, 11, 30), date(2027, 11, 30), []),
        (date(2026, 11, 30), date(2027, 12, 1), ["was last reviewed on 2026-11-30, 366 days ago"]),
        (None, date(2026, 11, 30), ["has no day of review"]),
    ],
)
def test_a_review_older_than_a_year_is_told(reviewed, today, says):
    topic = SimpleNamespace(file="topics/a/page.md", meta={"reviewed": reviewed} if reviewed else {})
    told = [fault.cause for fault in overdue(topic, today)]
    assert [cause.startswith(say) for cause, say in zip(told, says, strict=True)] == [True] * len(says)


def test_check_warns_of_an_old_review_and_does_not_fail_by_it(monkeypatch, capsys):
    topic = SimpleNamespace(file="topics/a/page.md", meta={"reviewed": date(2020, 1, 1)})
    page = SimpleNamespace(topic=topic, warnings=[])
    monkeypatch.setattr(site, "checked", lambda root: ([page], [], None, []))
    site.check("anywhere")
    assert "warning: topics/a/page.md: was last reviewed on 2020-01-01" in capsys.readouterr().out


def test_the_page_standard_counts_what_stands_on_the_page(project):
    spare = GOOD.partition("\n\n\n@demo")[2].replace("doubled", "spare")  # a second demo, which no page shows
    project("one", "[[demo doubled]]\n", f"{EXERCISE}\n\n@demo{spare}")
    printed = run_build("check", root=project.root, expect=1)
    assert "topics/one/page.md: has 1 of the 4 demos that a page has at least" in printed
    assert "topics/one/page.md: has 0 of the 2 exercises that a page has at least" in printed


def test_a_predict_block_without_guesses_is_a_shortcoming_of_its_page(project):
    asked = "/// predict | Which, {}?\n{}: so it is.\n///\n\n"
    texts = ["{this, that, both}", "{this; that; both}", "{this}", "this, that", "{about $2^{3}$, that}"]
    project(
        "one",
        "Words.\n\n" + "".join(asked.replace("{}", str(i), 1).replace("{}", text) for i, text in enumerate(texts)),
        EXERCISE,
    )
    printed = run_build("check", root=project.root, expect=1)
    told = re.findall(r"topics/one/page\.md:(\d+): this predict block has no guesses", printed)
    assert [int(line) for line in told] == [12, 16, 20, 24]


@pytest.mark.parametrize(
    ("was", "now", "says"),
    [
        ("return 3 * x", "return 4 * x", "tripling: its solution fails with seed 0: triple(2) gave 8"),
        ("return x\\n", "return 3 * x\\n", "tripling: its starting point passes already"),
        ('start="def triple', 'start="def a(): pass\\ndef triple', "start must define one function"),
        ("(answer, rng)", "(answer)", "a check takes (answer, rng)"),
        ('    """Write `triple(x)`, please."""\n', "", "has no docstring"),
    ],
)
def test_an_exercise_that_contradicts_itself_is_a_fault(project, was, now, says):
    project("ex", "[[exercise tripling]]\n", EXERCISE.replace(was, now))
    assert says in run_build("build", root=project.root, expect=1)


def test_an_unchanged_file_is_not_written_again(tmp_path):
    class Pack:
        digest, directory = "x", tmp_path / "pack"

    Pack.directory.mkdir()
    (Pack.directory / "a.wasm").write_bytes(b"1")
    assert write(tmp_path / "out", {"index.html": b"a"}, Pack) == 2
    assert write(tmp_path / "out", {"index.html": b"a"}, Pack) == 0
    assert write(tmp_path / "out", {"index.html": b"b"}, Pack) == 1


def test_a_script_with_a_syntax_error_is_named(tmp_path):
    from builder.bundle.assets import AssetError, esbuild

    (tmp_path / "main.js").write_text("const = 3")
    with pytest.raises(AssetError, match=r"main\.js"):
        esbuild([tmp_path / "main.js"], {})


def test_the_workflows_pass_their_linter():
    zizmor = Path(REPOSITORY, ".venv/bin/zizmor")
    done = subprocess.run([zizmor, "--offline", REPOSITORY / ".github/workflows"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
