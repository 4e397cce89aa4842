"""Proves that each exercise can be passed and is not passed by its start, and draws it as HTML."""

import inspect
from dataclasses import replace

from markupsafe import Markup

from builder.faults import Fault
from builder.page.asked import version
from builder.page.prose import LITERAL, highlighted, render_prose
from builder.read.discover import file_of
from builder.read.scan import scan
from builder.watch import brief, step
from topics.kit.page.exercise import judge, solution_source

SEEDS = (0, 1, 2)


def prove(topic, sources, memory):
    """Faults of a topic's exercises; what was proved is proved until the code that it reaches changes.

    sources  the topic's dependencies.Sources   memory  keeps the causes from build to build
    """
    for name, check in topic.exercises.items():
        key = f"exercise {name} {sources.key([name])}"
        place = file_of(check), check.__code__.co_firstlineno
        step(*place, f"{name}: its solution and its start")
        causes = memory.get(key, lambda check=check: "\n".join(contradictions(check)))
        for cause in [*causes.splitlines(), *(cause for _, cause in prompt(check).problems)]:
            yield Fault(*place, f"{name}: {cause}")


def contradictions(check):
    """Why an exercise can't be set: a solution that fails its check, or a start that passes it."""
    for seed in SEEDS:
        verdict = judged(check, solution_source(check), seed)
        if not verdict["passed"]:
            yield f"its solution fails with seed {seed}: {' '.join(verdict['message'].split())}"
            break
    try:
        compile(check.start, "start", "exec")
    except (SyntaxError, ValueError) as error:
        yield f"its starting point can't be read: {brief(error)}"
    if judged(check, check.start, SEEDS[0])["passed"]:
        yield "its starting point passes already; leave something to do"


def judged(check, code, seed):
    try:
        return judge(check, code, seed)
    except BaseException as error:  # an exit, too
        return {"passed": False, "message": brief(error)}


def prompt(check):
    """An exercise's docstring as Prose."""
    scanned = scan(inspect.getdoc(check))
    prose = render_prose(scanned, {})
    known = [f"its prompt has text and code only, no {c.source}" for c in scanned.constructs if c.kind not in LITERAL]
    return replace(prose, problems=(*prose.problems, *((0, cause) for cause in known)))


def exercise_html(env, topic, name):
    """An exercise as its element: without JavaScript, the prompt, the start, and hint and solution to unfold."""
    check = topic.exercises[name]
    return env.get_template("exercise.html").render(
        slug=topic.slug,
        of=version(check.start, solution_source(check)),
        name=name,
        title=name.replace("_", " ").capitalize(),
        prompt=Markup(prompt(check).html),
        start=Markup(highlighted(check.start)),
        hint=check.hint,
        solution=Markup(highlighted(solution_source(check))),
    )
