"""Proves that each exercise can be passed and is not passed by its start, and draws it as HTML."""

import inspect

import markdown
from markupsafe import Markup

from builder.faults import Fault
from builder.page.prose import highlighted
from builder.read.discover import file_of
from topics.kit.page.exercise import judge, solution_source

SEEDS = (0, 1, 2)


def prove(topic, sources, memory):
    """Faults of a topic's exercises; what was proved is proved until the code that it reaches changes.

    sources  the topic's dependencies.Sources   memory  keeps the causes from build to build
    """
    for name, check in topic.exercises.items():
        key = f"exercise {name} {sources.key([name])}"
        causes = memory.get(key, lambda check=check: "\n".join(contradictions(check)))
        for cause in causes.splitlines():
            yield Fault(file_of(check), check.__code__.co_firstlineno, f"{name}: {cause}")


def contradictions(check):
    """Why an exercise can't be set: a solution that fails its check, or a start that passes it."""
    for seed in SEEDS:
        verdict = judge(check, solution_source(check), seed)
        if not verdict["passed"]:
            yield f"its solution fails with seed {seed}: {' '.join(verdict['message'].split())}"
            break
    if judge(check, check.start, SEEDS[0])["passed"]:
        yield "its starting point passes already; leave something to do"


def exercise_html(env, topic, name):
    """An exercise as its element: without JavaScript, the prompt, the start, and hint and solution to unfold."""
    check = topic.exercises[name]
    return env.get_template("exercise.html").render(
        slug=topic.slug,
        name=name,
        title=name.replace("_", " ").capitalize(),
        prompt=Markup(markdown.markdown(inspect.getdoc(check))),
        start=Markup(highlighted(check.start)),
        hint=check.hint,
        solution=Markup(highlighted(solution_source(check))),
    )
