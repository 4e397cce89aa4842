"""Proves that each exercise can be passed and is not passed by its start, and draws it as HTML."""

import inspect

import markdown
from markupsafe import Markup

from builder.faults import Fault
from builder.prose import highlighted
from topics.kit.exercise import judge, solution_source

SEEDS = (0, 1, 2)


def prove(topic):
    """Faults of a topic's exercises: a solution that fails its check, or a start that passes it."""
    for name, check in topic.exercises.items():
        place = (f"topics/{topic.slug}.py", check.__code__.co_firstlineno)
        for seed in SEEDS:
            verdict = judge(check, solution_source(check), seed)
            if not verdict["passed"]:
                yield Fault(*place, f"{name}: its solution fails with seed {seed}: {verdict['message']}")
                break
        if judge(check, check.start, SEEDS[0])["passed"]:
            yield Fault(*place, f"{name}: its starting point passes already; leave something to do")


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
