"""All that the pages ask, in one place: by section, each with the page that it stands on. Draws nothing.

What is unfolded (answers, and the tasks of exercises beyond their first sentence) is a file of its own, fetched when a
reader first unfolds one: with it the page would weigh 47 kB more, more than twice as much.
"""

import json
from collections import Counter

KINDS = ("exercise", "question", "guess")


def practice_context(pages):
    """What templates/practice.html shows of written pages, in the order of the series."""
    sections = {}
    for page in pages:
        if page.asks:
            sections.setdefault(page.topic.section, []).append(page)
    return {"sections": sections, "counts": counts([ask for page in pages for ask in page.asks])}


def counts(asks):
    """{kind: how many}, of every kind."""
    found = Counter(ask.kind for ask in asks)
    return {kind: found[kind] for kind in KINDS}


def answers(pages):
    """What is unfolded there, as the browser fetches it: answers, and whole tasks of exercises. {"slug#id": HTML}"""
    asks = [(page.topic.slug, ask) for page in pages for ask in page.asks]
    return compact({f"{slug}#{ask.id}": ask.html if ask.kind == "exercise" else ask.answer
                    for slug, ask in asks if ask.short or ask.answer})  # fmt: skip


def known(pages):
    """What readers may have kept things of, with its version: yours.html tells by it what has changed or gone.

    {slug: [title, {code.name or exercise.name: version}, [ids of guesses and questions]]}
    """
    ids = {page.topic.slug: [ask.id for ask in page.asks if ask.kind != "exercise"] for page in pages}
    return compact({page.topic.slug: [page.topic.title, page.editable, ids[page.topic.slug]] for page in pages})


def compact(thing):
    return json.dumps(thing, ensure_ascii=False, separators=(",", ":")).encode()
