"""The browser's numbers equal CPython's: each instant demo, at its defaults and at some of its corners.

And its judgement: right answers to exercises pass there too, where numpy's own whole numbers have 32 bits.
"""

import json
import textwrap

import numpy as np
import pytest

from builder.figure.grid import plain
from tests.reader import visit
from tests.topics.test_content import INSTANT
from tests.topics.test_exercises import EXERCISES, SEEDS, answers, cases
from topics.kit.page.demo import corners, defaults, views_of
from topics.kit.page.exercise import solution_source

pytestmark = pytest.mark.browser

CALLS = """async ([call, every]) => {
  const page = await import(document.querySelector("script[type=module]").src);
  const answers = await Promise.all(every.map((args) => page.callPython(call, args).done));
  return JSON.stringify(answers, (_, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value));
}"""


def at_topic(reader, server, name):
    """The reader on the page of "topic.name": only there the topic's Python is fetched."""
    url = f"{server.url}{name.split('.')[0]}.html"
    return reader if reader.url.split("#")[0] == url else visit(reader, url)


def numbers_agree(here, there, path=""):
    """Equal structure and texts; numbers to 1e-12 of the scale of the list that they stand in."""
    if isinstance(here, dict):
        assert here.keys() == there.keys(), path
        for key in here:
            numbers_agree(here[key], there[key], f"{path}.{key}")
    elif isinstance(here, list):
        assert len(here) == len(there), path
        if all(isinstance(x, int | float) and not isinstance(x, bool) for x in here) and here:
            scale = max(map(abs, here)) or 1.0
            np.testing.assert_allclose(there, here, rtol=0, atol=1e-12 * scale, err_msg=path)
        else:
            for i, pair in enumerate(zip(here, there, strict=True)):
                numbers_agree(*pair, f"{path}[{i}]")
    elif isinstance(here, float) and not isinstance(there, str):
        assert there == pytest.approx(here, rel=1e-12, abs=1e-300), path
    else:
        assert here == there, path


def without_rounding(views):
    """Badges and readouts of differences show rounding itself, which may differ between machines."""
    if isinstance(views, dict):
        if views.get("view") == "badge" or "max|Δ|" in str(views.get("label", "")):
            return "rounding"
        return {key: without_rounding(value) for key, value in views.items()}
    return [without_rounding(view) for view in views] if isinstance(views, list) else views


@pytest.mark.parametrize("function", INSTANT)
def test_the_browsers_numbers_equal_cpythons(reader, server, function):
    corner = list(corners(function))
    every = [defaults(function), *corner[:: max(1, len(corner) // 4)]]
    name = f"{function.__module__.split('.')[1]}.{function.__name__}"
    answers = json.loads(at_topic(reader, server, name).evaluate(CALLS, [name, every]))
    for arguments, there in zip(every, answers, strict=True):
        here = json.loads(json.dumps(plain(views_of(function, arguments), digits=None)))
        numbers_agree(without_rounding(here), without_rounding(there))


CHECKS = """async ([name, codes, seeds]) => {
  const page = await import(document.querySelector("script[type=module]").src);
  const verdicts = codes.flatMap((code) => seeds.map((seed) => page.checkPython(name, code, seed)));
  return (await Promise.all(verdicts)).map((verdict) => verdict.message);
}"""


@pytest.mark.parametrize("name", EXERCISES)
def test_right_answers_pass_in_the_browser(reader, server, name):
    right = [case.values[1] for case in cases("RIGHT") if case.values[0] == name]
    said = at_topic(reader, server, name).evaluate(CHECKS, [name, [solution_source(EXERCISES[name]), *right], SEEDS])
    assert said == [""] * len(SEEDS) * (1 + len(right))


def test_a_product_of_counts_is_not_held_against_an_answer(reader, server):
    """np.prod of all users' caches, beyond 2³¹: without a second try the browser says "too large". A wrong product is
    refused as anywhere."""
    (product,) = [code for code in answers("gqa").RIGHT["choose_the_groups"] if "np.prod" in code]
    wrong = product.replace("T, 2, L", "T, L")
    assert wrong != product
    said = at_topic(reader, server, "gqa").evaluate(
        CHECKS, ["gqa.choose_the_groups", [*map(textwrap.dedent, (product, wrong))], SEEDS]
    )
    assert [bool(message) for message in said] == [False] * len(SEEDS) + [True] * len(SEEDS)
