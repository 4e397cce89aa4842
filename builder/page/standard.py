"""What the page standard counts: prose, demos, questions, sources. Shortcomings are warnings, faults in `check`."""

import re
from datetime import timedelta

from builder.faults import Fault

WORDS = (1200, 2500)
DEMOS = 4
QUESTIONS = 3
EXERCISES = 2
REVIEW = timedelta(days=365)  # after so long the field has moved on, and a page says what was


def shortcomings(page):
    """The page standard's countable demands that a page misses, as faults of the page as a whole."""
    prose, file = page.prose, page.topic.file
    found = []
    if not WORDS[0] <= prose.words <= WORDS[1]:
        found.append(f"has {prose.words} words of prose; a page has {WORDS[0]} to {WORDS[1]}")
    if len(page.demos) < DEMOS:
        found.append(f"has {len(page.demos)} of the {DEMOS} demos that a page has at least")
    questions = prose.blocks["question"]
    if questions < QUESTIONS:
        found.append(f"has {questions} of the {QUESTIONS} questions that a page has at least")
    if len(page.exercises) < EXERCISES:
        found.append(f"has {len(page.exercises)} of the {EXERCISES} exercises that a page has at least")
    if not page.references:
        found.append("cites nothing; a page cites its primary papers where it uses them")
    return [Fault(file, 0, cause) for cause in found] + unguessable(page.topic)


PREDICT = re.compile(r"^/// predict \|.*\n(?:(?!///).*\n)*", re.M)
GUESSES = re.compile(r"(?<![\^_\\\w}])\{([^{}]+)\}")


def unguessable(topic):
    """Predict blocks without guesses, or with some that a semicolon was meant to part."""
    faults = []
    for block in PREDICT.finditer(topic.body):
        guesses = GUESSES.search(block[0])
        if not guesses or ", " not in guesses[1] or ";" in guesses[1]:
            line = topic.body_line + topic.body.count("\n", 0, block.start())
            cause = "this predict block has no guesses to choose from: write {right, wrong, wrong}, with commas between"
            faults.append(Fault(topic.file, line, cause))
    return faults


def overdue(topic, today):
    """[Fault] of a page whose last review is more than a year ago, or that has none: to be told, not to fail by."""
    reviewed = topic.meta.get("reviewed")
    if reviewed is None:
        return [
            Fault(topic.file, 0, "has no day of review: set `reviewed` when someone has read it against its sources")
        ]
    if today - reviewed <= REVIEW:
        return []
    days = (today - reviewed).days
    return [Fault(topic.file, 0, f"was last reviewed on {reviewed}, {days} days ago: read it again, as one of today")]
