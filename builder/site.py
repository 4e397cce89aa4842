"""The linear build: discover, check, render, bundle, and only then write. Knows every step, does none itself."""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from markupsafe import Markup

from builder import exercises
from builder.assets import REPOSITORY, bundle
from builder.cache import digest
from builder.citation import around
from builder.constructs import resolve
from builder.demos import draw_demos
from builder.discover import discover
from builder.faults import Fault, FaultsError, did_you_mean
from builder.glossary import read_glossary
from builder.prose import TEMPLATE_IDS, render_prose
from builder.references import read_bibliography
from builder.runtime import build_pack
from builder.scan import scan
from builder.standard import shortcomings
from builder.templating import environment
from builder.verified import verified_by

TEMPLATES = REPOSITORY / "templates"
CACHE = REPOSITORY / ".cache"


@dataclass(frozen=True)
class Page:
    """A topic's page before it is put into its template."""

    topic: object
    prose: object
    demos: dict
    references: list  # of (key, html, how often it is cited)
    terms: list  # entries of the glossary


def build(root, out, site_url="", say=print):
    """Build the site of the project at `root` into `out`; raises FaultsError and writes nothing on any fault."""
    started = time.perf_counter()
    pages, topics, glossary, warnings = checked(Path(root), say)
    say("Preparing the browser's Python")
    pack = build_pack(CACHE, REPOSITORY / "node_modules", say)
    say("Bundling scripts and styles")
    assets = bundle(TEMPLATES, Path(root) / "topics", pack)
    files = render_site(Path(root), pages, topics, glossary, assets, site_url)
    written = write(Path(out), files, pack)
    for warning in warnings:
        say(f"warning: {warning}")
    say(f"Built {out} in {time.perf_counter() - started:.1f} s; files changed: {written}")


def check(root, say=print):
    """Everything short of writing, with the page standard's shortcomings as faults."""
    *_, warnings = checked(Path(root), say)
    if warnings:
        raise FaultsError(warnings)
    say("No faults.")


def checked(root, say):
    """Discover and render the content; all faults of all pages are raised at once."""
    topics, faults = discover(root)
    bibliography, found = read_bibliography(root / "topics/references.bib")
    faults += found
    glossary, found = read_glossary(root / "topics/glossary.md")
    faults += found
    pages, warnings = [], []
    for topic in topics:
        if topic.planned:
            continue
        say(f"Rendering {topic.slug}")
        page, found = render_topic(topic, topics, bibliography, glossary, root)
        faults += found
        pages.append(page)
        warnings += shortcomings(page)
    faults += [*broken_links(pages, topics), *broken_anchors(pages, glossary)]
    if faults:
        raise FaultsError(faults)
    return pages, topics, glossary, warnings


def render_topic(topic, topics, bibliography, glossary, root):
    demos, faults = draw_demos(topic, root, CACHE)
    macro = environment(TEMPLATES).get_template("demo.html")

    def demo_html(_, name, number):
        # a demo that failed at its defaults has its fault already
        if name not in demos:
            return ""
        grid = grid_path(topic, demos[name])
        return macro.render(demo=shown(demos[name]), number=number, slug=topic.slug, grid=grid)

    exercise = environment(TEMPLATES).get_template("exercise.html")

    def exercise_html(_, name):
        return exercise.render(exercise=exercises.shown(name, topic.exercises[name]), slug=topic.slug)

    site = SimpleNamespace(
        bibliography=bibliography,
        exercise_html=exercise_html,
        glossary=glossary,
        demo_html=demo_html,
        slugs=[other.slug for other in topics],
    )
    scanned = scan(topic.body, topic.body_line)
    html_of, found = resolve(scanned, topic, site)
    prose = render_prose(scanned, html_of)
    faults += [*found, *exercises.prove(topic)]
    faults += [Fault(topic.file, line, cause) for line, cause in prose.problems]
    counts = Counter(key for c in scanned.constructs for key in c.keys if key in bibliography)
    references = [(key, Markup(bibliography.entry_html(key)), count) for key, count in counts.items()]
    terms = dict.fromkeys(glossary.find(c.name) for c in scanned.constructs if c.kind == "term")
    return Page(topic, prose, demos, references, [entry for entry in terms if entry]), faults


def shown(drawn):
    return SimpleNamespace(
        name=drawn.name, kind=drawn.kind, caption=drawn.caption, controls=drawn.controls, html=Markup(drawn.html)
    )


def grid_path(topic, drawn):
    return f"data/{topic.slug}.{drawn.name}-{digest(drawn.grid)}.json" if drawn.grid else ""


def broken_links(pages, topics):
    """Links to topics that don't exist or aren't written yet."""
    written = {page.topic.slug for page in pages} | {"index", "glossary"}
    planned = {topic.slug for topic in topics} - written
    for page in pages:
        for slug, line in page.prose.links:
            if slug in planned:
                cause = f"links to {slug}.md, which is only planned: name it without a link"
            elif slug not in written:
                cause = f"links to {slug}.md, which does not exist.{did_you_mean(slug, written)}"
            else:
                continue
            yield Fault(page.topic.file, line, cause)


def broken_anchors(pages, glossary):
    """Links to places in other pages that are not there."""
    places = {page.topic.slug: page.prose.ids | set(TEMPLATE_IDS) for page in pages}
    places["glossary"] = {entry.id for entry in glossary.entries}
    for page in pages:
        for slug, anchor, line in page.prose.anchors:
            if slug in places and anchor not in places[slug]:
                cause = f"links to {slug}.md#{anchor}: no such place there.{did_you_mean(anchor, places[slug])}"
                yield Fault(page.topic.file, line, cause)


def render_site(root, pages, topics, glossary, assets, site_url):
    """{path: bytes} of the whole site but the runtime pack."""
    env = environment(TEMPLATES)
    claims = verified_by(root)
    miniatures = {page.topic.slug: Markup(first_miniature(page)) for page in pages}

    def html(template, base="", **context):
        return env.get_template(template).render(assets=assets, base=base, **context).encode()

    files = dict(assets.files)
    for i, page in enumerate(pages):
        files[f"{page.topic.slug}.html"] = html(
            "topic.html",
            topic=page.topic,
            prose=SimpleNamespace(html=Markup(page.prose.html), toc=Markup(page.prose.toc)),
            references=page.references,
            terms=page.terms,
            around=around(page.topic, site_url),
            needs=[topic for topic in topics if topic.slug in page.topic.meta.get("needs", [])],
            verified=claims.get(page.topic.slug, []),
            previous=pages[i - 1].topic if i else None,
            next=pages[i + 1].topic if i + 1 < len(pages) else None,
        )
        files |= {grid_path(page.topic, drawn): drawn.grid.encode() for drawn in page.demos.values() if drawn.grid}
    sections = {
        section: [t for t in topics if t.section == section] for section in dict.fromkeys(t.section for t in topics)
    }
    files["index.html"] = html("index.html", sections=sections, miniatures=miniatures)
    files["glossary.html"] = html("glossary.html", entries=glossary.entries)
    # served for any missing address, at any depth: the one page whose links can't be relative
    files["404.html"] = html("404.html", base=site_url.rstrip("/") + "/" if site_url else "/")
    files[".nojekyll"] = b""  # GitHub Pages: serve the files as they are
    return files


def first_miniature(page):
    return next((drawn.miniature for drawn in page.demos.values() if drawn.miniature), "")


def write(out, files, pack):
    """Make `out` hold exactly these files and the pack; returns how many were new or changed."""
    out.mkdir(parents=True, exist_ok=True)
    runtime = f"runtime-{pack.digest}"
    everything = files | {f"{runtime}/{path.name}": path for path in sorted(pack.directory.iterdir())}
    counts = Counter(write_file(out / name, content) for name, content in everything.items())
    keep = {out / name for name in everything} | {out / ".gitignore"}
    for path in sorted(out.rglob("*"), reverse=True):
        if path.is_file() and path not in keep:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    return counts[True]


def write_file(path, content):
    """Write bytes (or copy a file of the pack) unless they stand there already; tells whether it wrote."""
    data = content if isinstance(content, bytes) else content.read_bytes()
    if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return True
