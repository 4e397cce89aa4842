"""Renders topics to pages, each alone; keeps every page until something that it is made from changes. Knows no site.

A page's key hashes its files, the kit files that it uses, what all pages share, the templates and this builder.
A page that has to be made anew takes its demos, values and proofs from an earlier build where their code is the same.
"""

import hashlib
import inspect
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

from markupsafe import Markup

from builder import watch
from builder.bundle.assets import hashed
from builder.bundle.runtime import zipped
from builder.cache import Memory, digest, keep, recall
from builder.faults import Fault, did_you_mean
from builder.figure.demos import at_defaults, draw_demos
from builder.figure.miniature import miniature
from builder.index.search import sections
from builder.page import exercises
from builder.page.asked import asked, editable
from builder.page.constructs import resolve
from builder.page.glossary import read_glossary
from builder.page.pictures import Pictures
from builder.page.prose import Prose, render_prose
from builder.page.references import read_bibliography
from builder.page.standard import shortcomings
from builder.page.values import names_in, value_text
from builder.places import REPOSITORY, TEMPLATES
from builder.read.dependencies import Sources, contents
from builder.read.discover import Topic, file_name, load
from builder.read.scan import scan
from builder.take.alone import alone
from builder.take.notebook import notebook, travelling, writer
from builder.templating import environment
from builder.texts import read_text

PARTS = ("demo.html", "controls.html", "exercise.html")  # of the templates those that stand inside a page's prose


@dataclass(frozen=True)
class Shown:
    """A demo as a page shows it."""

    name: str
    caption: str
    html: str
    grid_path: str
    grid: str


@dataclass(frozen=True)
class Page:
    """A topic's page before it is put into its template."""

    topic: Topic
    prose: Prose
    demos: list  # Shown, in the page's order
    picture: str  # small, for the index
    exercises: list  # the names of those that it sets
    asks: list  # Ask: all that it asks
    editable: dict  # {name: version} of what readers edit
    references: list  # of (key, html, how often it is cited)
    terms: list  # ids of the glossary's entries that it uses
    pictures: dict  # {address in the site: bytes}
    sections: list  # (id, heading, text) of its parts, for the search
    warnings: list  # what the page standard misses
    taken: dict = field(default_factory=dict)  # {file: text}: the page as a notebook, its method as one file


@dataclass(frozen=True)
class Shared:
    """What all pages are made from: the project's folder, its sources and its glossary; key hashes their texts."""

    root: Path
    bibliography: object
    glossary: object
    key: str


def read_shared(root):
    """(Shared, faults)."""
    watch.step("topics/references.bib", 0, "its reading")
    bibliography, faults = read_bibliography(root / "topics/references.bib")
    watch.step("topics/glossary.md", 0, "its reading")
    glossary, found = read_glossary(root / "topics/glossary.md")
    texts = [path for path in (root / "topics/references.bib", root / "topics/glossary.md") if path.is_file()]
    ours = sorted([*(REPOSITORY / "builder").rglob("*.py"), *(REPOSITORY / "builder").glob("*.mjs")])
    scripts = [REPOSITORY / "templates/static/js/demo/views.js", REPOSITORY / "package-lock.json"]
    key = digest(*contents([*texts, *ours, *scripts, *(TEMPLATES / name for name in PARTS)]))
    return Shared(root, bibliography, glossary, key), faults + found


def render_topics(topics, shared):
    """[(Page, faults)] of written topics, in their order. What has changed is rendered anew, each in a process of its
    own, on all cores; where that was lost, None stands for the page."""
    kept = {topic.slug: recall(kept_at(topic, shared), key_of(topic, shared)) for topic in topics}
    changed = {topic.slug: topic for topic in topics if kept[topic.slug] is None}
    made = watch.run(partial(timed, shared), changed, shared.root)
    pages = []
    for topic in topics:
        result, lost = made.get(topic.slug, ((kept[topic.slug], []), None))
        page, faults = result or (None, [lost])
        pages.append((page and replace(page, topic=topic), faults))
    return pages


def timed(shared, topic):
    began = time.perf_counter()
    made = render(topic, shared)
    tell(topic, time.perf_counter() - began)
    return made


def tell(topic, seconds):
    print(f"Rendered {topic.slug} in {seconds:.1f} s", flush=True)


def kept_at(topic, shared):
    return shared.root / ".cache/pages" / f"{topic.slug}.pickle"


def key_of(topic, shared):
    """A hash of all that a page is made from."""
    sources = Sources(shared.root, topic.slug)
    recorded = sorted((shared.root / "topics/recorded").glob(f"{topic.slug}.*"))
    return digest(shared.key, sources.key([]), *contents([*sources.whole(), *recorded]))


def render(topic, shared):
    """(Page, faults); a page without a fault is kept."""
    key, memory = key_of(topic, shared), Memory(shared.root / ".cache/results" / f"{topic.slug}.json")
    sources, faults = Sources(shared.root, topic.slug), load(topic, shared.root)
    page, found = assembled(topic, shared, sources, memory)
    faults += found
    memory.save(whole=not faults)
    page = replace(page, topic=replace(topic, modules=[], names={}, demos={}, exercises={}))  # a module can't be kept
    if not faults:
        keep(kept_at(topic, shared), key, page)
    return page, faults


def assembled(topic, shared, sources, memory):
    drawn, faults = draw_demos(topic, shared.root, sources, memory)
    env, shown = environment(TEMPLATES), {}

    def demo_html(_, name, number):
        if name in drawn:  # a demo that failed at its defaults has its fault already
            shown[name] = shown_demo(env, topic, drawn[name], number)
        return shown[name].html if name in drawn else ""

    site = SimpleNamespace(
        bibliography=shared.bibliography,
        glossary=shared.glossary,
        demo_html=demo_html,
        exercise_html=lambda _, name: exercises.exercise_html(env, topic, name),
    )
    scanned = scan(topic.body, topic.body_line)
    html_of, found = resolve(scanned, topic, site, partial(remembered_value, sources, memory))
    watch.step(topic.file, 0, "its Markdown")
    pictures = Pictures(shared.root / "topics" / topic.slug, topic.slug)
    prose = render_prose(scanned, html_of, pictures.address)
    faults += [*found, *exercises.prove(topic, sources, memory)]
    faults += [Fault(topic.file, line, cause) for line, cause in prose.problems]
    counts = Counter(key for c in scanned.constructs for key in c.keys if key in shared.bibliography)
    references = [(key, Markup(shared.bibliography.entry_html(key)), count) for key, count in counts.items()]
    terms = dict.fromkeys(shared.glossary.find(c.name) for c in scanned.constructs if c.kind == "term")
    picture, wrong = picture_of(topic, [drawn[name] for name in shown], shared.root)
    faults += wrong
    posed = [c.name for c in scanned.constructs if c.kind == "exercise"]
    page = Page(topic, prose, [*shown.values()], picture, posed, asked(topic.slug, prose.html), editable(prose.html),
                references, [term.id for term in terms if term], pictures.files, sections(prose.html), [])  # fmt: skip
    faults += [Fault(topic.file, 0, f"{what} holds half a sign, such as \\ud800") for what in halves(page)]
    if not faults:
        page = replace(page, taken=taken(topic, shared, scanned, partial(remembered_value, sources, memory)))
    return replace(page, warnings=shortcomings(page)), faults


def taken(topic, shared, scanned, value_text):
    """{file: text} of what a reader may take away; the site's address is still to come in."""
    topics = shared.root / "topics"
    written = writer(topic, scanned, shared.bibliography, lambda argument: value_text(argument, topic.names))
    names = sorted({file_name(each) for demo in topic.demos.values() for each in demo.data})
    data = {
        name: f"static/{hashed(name, hashlib.sha256((topics / 'data' / name).read_bytes()).hexdigest())}"
        for name in names
    }
    packed = zipped(travelling(topics, topic.slug), level=9)
    files = {f"{topic.slug}.ipynb": notebook(topic, scanned, written, packed, data)}
    method = alone(topic, topics)
    return files | ({f"{topic.slug}.py": method} if method else {})


def halves(page):
    """What of a page can't be written as UTF-8: texts that Python made."""
    for what, text in [("the page", page.prose.html), *((demo.name, demo.html + demo.grid) for demo in page.demos)]:
        try:
            text.encode()
        except UnicodeEncodeError:
            yield what


def picture_of(topic, demos, root):
    """(SVG, faults): the demo that the front matter names as the topic's `picture`, else the first that has one."""
    pictures, chosen, faults = {}, topic.meta.get("picture"), []
    for demo in demos:
        try:
            pictures[demo.name] = miniature(demo.views)
        except Exception as error:  # views that contradict themselves
            faults.append(at_defaults(topic, demo.name, root, error))
    if chosen is None or faults:
        return next(filter(None, pictures.values()), ""), faults
    if pictures.get(chosen):
        return pictures[chosen], []
    cause = f"picture: {chosen} is not a demo of this page.{did_you_mean(chosen, pictures)}"
    if chosen in pictures:
        cause = f"picture: {chosen} shows neither a figure nor a matrix. Name another demo."
    before = read_text(root / topic.file, topic.file)[0].partition("\npicture:")[0]
    return "", [Fault(topic.file, before.count("\n") + 2, cause)]


def remembered_value(sources, memory, argument, namespace):
    """The text of a value; a page's may take half a minute, so they are computed anew only with the code below them."""
    key = digest(sources.key(names_in(argument)), inspect.getsource(value_text))
    return memory.get(f"value {argument} {key}", lambda: value_text(argument, namespace))


def shown_demo(env, topic, drawn, number):
    grid = f"data/{topic.slug}.{drawn.name}-{digest(drawn.grid)}.json" if drawn.grid else ""
    html = env.get_template("demo.html").render(demo=drawn, number=number, slug=topic.slug, grid=grid)
    return Shown(drawn.name, drawn.caption, html, grid, drawn.grid)
