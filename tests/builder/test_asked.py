"""What pages ask: named by its words, found whole, shown elsewhere without losing its way back."""

import json
import re
from pathlib import Path

import pytest

from builder.page.asked import asked, editable, with_names
from tests.conftest import make_project, run_build

MODULE = '''"""A topic."""
from topics.kit import exercise


def double(x):
    return 2 * x


def _triple(x):
    return 3 * x


@exercise(start="def triple(x):\\n    return x\\n", solution=_triple, hint="Add.")
def triple_it(answer, rng):
    """Write `triple(x)`. It is more than double."""
    assert answer(2) == 6, "no"
'''
PAGE = """[[code double]]

/// predict | Is [[value double(2)]] more than $x^2$?
{It is, no}.
///

[[exercise triple_it]]

/// question | Why?
See [below](#end) and [[term logit]].

Two paragraphs.
///

## The end {#end}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    add = make_project(tmp_path_factory.mktemp("asked") / "project")
    add("one", PAGE, MODULE)
    add("two", "/// question | Why?\nAnother page.\n///\n", MODULE)
    run_build("build", root=add.root)
    return add.root / "site"


def page(site, name):
    return (Path(site) / f"{name}.html").read_text()


def test_all_that_a_page_asks_is_found(site):
    exercise, question, guess = asked("one", page(site, "one"))
    assert (exercise.kind, exercise.name, exercise.id) == ("exercise", "triple_it", "exercise-triple_it")
    assert exercise.short == "<p>Write <code>triple(x)</code>.</p>"
    assert "It is more than double." in exercise.html
    assert (question.kind, question.html) == ("question", "Why?")
    assert 'href="one.html#end"' in question.answer and "Two paragraphs." in question.answer
    assert guess.choices == ("It is", "No")
    assert f'id="{guess.id}"' in page(site, "one") and f'id="{question.id}"' in page(site, "one")


def test_a_question_is_the_same_while_its_words_are():
    """Its numbers may change: what its author wrote counts."""
    marked = '<div class="question">\n<p class="ask">How many: {}?</p>'

    def name(n):
        return re.search(r'id="(.*?)"', with_names(marked.format(n), lambda text: re.sub(r"\d", "[[value n]]", text)))[
            1
        ]

    assert name("1") == name("2") != name("x")


def test_what_readers_edit_has_the_version_that_they_began_from(site):
    versions = editable(page(site, "one"))
    assert list(versions) == ["code.double", "exercise.triple_it"]
    assert len(set(versions.values())) == 2


def test_practice_lists_everything_and_its_answers_are_one_file(site):
    html = page(site, "practice")
    for link in ('href="one.html#exercise-triple_it"', 'href="two.html"', "Is <span"):
        assert link in html
    answers = json.loads(next((site / "data").glob("answers-*.json")).read_text())
    assert len(answers) == 4  # a task, two answers to a question in the same words, and a guess's
    assert sum("Another page." in text for text in answers.values()) == 1


def test_the_build_tells_yours_what_is_known(site):
    known = json.loads(next((site / "data").glob("known-*.json")).read_text())
    title, versions, ids = known["one"]
    assert title == "A page"
    assert set(versions) == {"code.double", "exercise.triple_it"}
    assert len(ids) == 2
