"""What a page asks: exercises, guesses and questions, named so that what a reader keeps of them finds them again.

A guess and a question are named by their words: one that is put otherwise is another. A listing and an exercise are
named by their functions, and `of` tells which version of the code a reader began from. Knows no topic.
"""

import re
from dataclasses import dataclass

from builder.cache import digest

SHORT = 8  # hexadecimal digits of a name: a page has a dozen
_ASK = re.compile(
    r"<(?P<tag>predict-block|div)(?P<rest>(?: [\w-]+=\"[^\"]*\")*? class=\"(?P<kind>predict|question)\"[^<>]*)>"
    r"(?=\s*<p class=\"ask\">(?P<ask>.*?)</p>)",
    re.S,
)
NAMES = {"predict": "guess", "question": "question"}


@dataclass(frozen=True)
class Ask:
    """One exercise, guess or question, as another page shows it."""

    kind: str  # exercise, guess, question
    id: str  # its anchor on its page
    name: str  # of an exercise: its function
    title: str  # of an exercise
    html: str  # what is asked
    short: str = ""  # of an exercise: its first sentence, where there is more
    choices: tuple = ()  # of a guess, as HTML
    answer: str = ""  # of a guess or a question, as HTML


def version(*texts):
    """A short name for a text that readers edit or answer: another text has another.

    >>> version("a") == version("a "), len(version("a"))
    (False, 8)
    """
    return digest(*texts)[:SHORT]


def with_names(marked, source_of):
    """A page's HTML with an id on each guess and question.

    source_of   what stands in the HTML to what its author wrote: a number that changes leaves its question the same
    """

    def named(found):
        words = " ".join(re.sub(r"<[^<>]*>", "", source_of(found["ask"])).split())
        return f'<{found["tag"]} id="{NAMES[found["kind"]]}-{version(words)}"{found["rest"]}>'

    return _ASK.sub(named, marked)


_GUESS = re.compile(
    r'<predict-block id="(?P<id>guess-\w+)"[^<>]*>\s*<p class="ask"><strong[^<>]*>[^<>]*</strong>(?P<ask>.*?)</p>'
    r'\s*(?:<ul class="guesses">(?P<choices>.*?)</ul>)?\s*<details>\s*<summary>.*?</summary>(?P<answer>.*?)</details>'
    r"\s*</predict-block>",
    re.S,
)
_QUESTION = re.compile(
    r'<div id="(?P<id>question-\w+)" class="question">\s*<p class="ask">(?P<ask>.*?)</p>'
    r"\s*<details>\s*<summary>.*?</summary>(?P<answer>.*?)</details>\s*</div>",
    re.S,
)
_EXERCISE = re.compile(
    r'<code-exercise name="[\w.]+?\.(?P<name>\w+)"[^<>]*>.*?<h3 id="(?P<id>[\w-]+)">(?P<title>.*?)</h3>'
    r'(?P<ask>.*?)<div class="highlight">',
    re.S,
)


def asked(slug, html):
    """[Ask] of a page's HTML: its exercises, its questions, its guesses, each in the page's order."""

    def here(found, part):
        return elsewhere(slug, found[part] or "")

    exercises = [Ask("exercise", found["id"], found["name"], found["title"], here(found, "ask"),
                     short=first_sentence(here(found, "ask"))) for found in _EXERCISE.finditer(html)]  # fmt: skip
    questions = [Ask("question", found["id"], "", "", here(found, "ask"), answer=here(found, "answer"))
                 for found in _QUESTION.finditer(html)]  # fmt: skip
    guesses = [Ask("guess", found["id"], "", "", here(found, "ask"), answer=here(found, "answer"),
                   choices=tuple(re.findall(r"<li[^<>]*>(.*?)</li>", here(found, "choices"), re.S)))
               for found in _GUESS.finditer(html)]  # fmt: skip
    return [*exercises, *questions, *guesses]


_PIECE = re.compile(r"<code>.*?</code>|<[^<>]*>|(?P<end>[.?](?= |\n|</p>))", re.S)


def first_sentence(html):
    """The first sentence of what begins with a paragraph; "" where nothing follows it.

    >>> first_sentence("<p>Write <code>f(x. y)</code>. It adds.</p>")
    '<p>Write <code>f(x. y)</code>.</p>'
    >>> first_sentence("<p>Write it.</p>")
    ''
    """
    end = next((found.end() for found in _PIECE.finditer(html) if found["end"]), len(html))
    rest = re.sub(r"<[^<>]*>", "", html[end:]).strip()
    return f"{html[:end]}</p>" if rest else ""


def elsewhere(slug, html):
    """A piece of a page as it may stand on another: without its ids, and with links that lead back.

    >>> elsewhere("rope", 'See <a class="eq" id="here" href="#eq-turn">equation 1</a>.')
    'See <a class="eq" href="rope.html#eq-turn">equation 1</a>.'
    """
    html = re.sub(r'(<[^<>]*?) id="[^"]*"', r"\1", html)
    html = re.sub(r' (?:title|data-tex)="[^"]*"', "", html)
    return html.replace('href="#', f'href="{slug}.html#').strip()


_KEPT = re.compile(r'<code-(cell|exercise) (?:target|name)="[\w.]*?\.?(\w+)" of="(\w+)"')


def editable(html):
    """{its name in an address: version} of a page's listings and exercises: code.decode_step, exercise.count_flops."""
    return {f"{'code' if kind == 'cell' else kind}.{name}": of for kind, name, of in _KEPT.findall(html)}
