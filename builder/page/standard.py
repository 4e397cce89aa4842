"""What the page standard counts: prose, demos, questions, sources. Shortcomings are warnings, faults in `check`."""

from builder.faults import Fault

WORDS = (1200, 2500)
DEMOS = 4
QUESTIONS = 3
EXERCISES = 2


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
    return [Fault(file, 0, cause) for cause in found]
