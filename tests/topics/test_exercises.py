"""Every exercise's check: right answers pass however they are written, and what only looks right does not.

The answers stand in tests/answers/<slug>.py: RIGHT = {exercise: [code, …]}, WRONG = {exercise: {what is wrong: code}}.
"""

import importlib.util
import textwrap

import pytest

from tests.topics.test_content import WRITTEN
from topics.kit.page.exercise import is_exercise, judge, solution_source
from topics.kit.page.topic import names

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a browser prints it, and the answer counts

SEEDS = (0, 1, 2)
FEWEST = 5  # wrong answers that an author thinks of

EXERCISES = {f"{slug}.{name}": f for slug in WRITTEN for name, f in names(slug).items() if is_exercise(f)}


def answers(slug):
    """tests/answers/<slug>.py, or None."""
    name = f"tests.answers.{slug}"
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def cases(kind):
    """(exercise, code) of every answer of a kind, named for pytest."""
    for slug in WRITTEN:
        for name, codes in getattr(answers(slug), kind, {}).items():
            told = codes.items() if isinstance(codes, dict) else enumerate(codes, 1)
            for what, code in told:
                yield pytest.param(f"{slug}.{name}", textwrap.dedent(code).lstrip(), id=f"{slug}.{name}: {what}")


def refused(exercise, code):
    return [not judge(exercise, code, seed)["passed"] for seed in SEEDS]


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_has_right_and_wrong_answers_beside_its_solution(name):
    slug, short = name.split(".")
    held = answers(slug)
    assert held, f"tests/answers/{slug}.py is missing"
    assert held.RIGHT.get(short), f"{name}: another right answer, in plain numpy"
    assert len(held.WRONG.get(short, {})) >= FEWEST, f"{name}: {FEWEST} wrong answers at least"
    assert {*held.RIGHT, *held.WRONG} <= {n.split(".")[1] for n in EXERCISES if n.startswith(f"{slug}.")}


@pytest.mark.parametrize("name", EXERCISES)
def test_the_solution_passes_and_the_start_does_not(name):
    exercise = EXERCISES[name]
    assert not any(refused(exercise, solution_source(exercise)))
    assert all(refused(exercise, exercise.start))


@pytest.mark.parametrize(("name", "code"), list(cases("RIGHT")))
def test_a_right_answer_written_another_way_passes(name, code):
    assert [judge(EXERCISES[name], code, seed)["message"] for seed in SEEDS] == [""] * len(SEEDS)


@pytest.mark.parametrize(("name", "code"), list(cases("WRONG")))
def test_a_wrong_answer_is_refused_whatever_the_seed(name, code):
    assert refused(EXERCISES[name], code) == [True] * len(SEEDS)


@pytest.mark.parametrize(("name", "code"), list(cases("WRONG")))
def test_a_wrong_answer_is_wrong_and_not_merely_broken(name, code):
    """A typing mistake in it would be refused by any check and prove nothing."""
    message = judge(EXERCISES[name], code, SEEDS[0])["message"]
    assert not message.startswith(("SyntaxError", "NameError", "IndentationError", "AttributeError")), message
