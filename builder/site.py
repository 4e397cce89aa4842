"""The linear build: discover, check, render, bundle, and only then write. Knows every step, does none itself."""

import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace

from markupsafe import Markup

from builder import exercises
from builder.assets import REPOSITORY, bundle
from builder.cache import digest, kept
from builder.citation import around
from builder.constructs import resolve
from builder.demos import draw_demos, inputs
from builder.discover import discover
from builder.faults import Fault, FaultsError, did_you_mean
from builder.glossary import read_glossary
from builder.index import circle_faults, draw_map, read_paths
from builder.metadata import address, metadata_files
from builder.prose import TEMPLATE_IDS, render_prose
from builder.references import read_bibliography
from builder.runtime import LOCK, build_pack
from builder.scan import scan
from builder.search import search_index
from builder.standard import shortcomings
from builder.templating import environment
from builder.values import value_text
from builder.verified import verified_by

TEMPLATES = REPOSITORY / "templates"
CACHE = REPOSITORY / ".cache"
KEPT = {".git", ".gitignore"}  # of an output folder: whoever keeps the site in a repository goes on doing so


@dataclass(frozen=True)
class Page:
    """A topic's page before it is put into its template."""

    topic: object
    prose: object
    demos: list  # those that it shows, in its order
    exercises: list  # the names of those that it sets
    references: list  # of (key, html, how often it is cited)
    terms: list  # entries of the glossary


def build(root, out, site_url):
    """Build the site of the project at `root` into `out`; raises FaultsError and writes nothing on any fault."""
    started = time.perf_counter()
    refuse_foreign(Path(out))  # now, not after half a minute of rendering
    pages, topics, glossary, warnings = checked(Path(root))
    print("Preparing the browser's Python")
    pack = build_pack(CACHE, REPOSITORY / "node_modules")
    print("Bundling scripts and styles")
    assets = bundle(TEMPLATES, Path(root) / "topics", pack)
    files = render_site(Path(root), pages, topics, glossary, assets, site_url)
    written = write(Path(out), files, pack)
    for warning in warnings:
        print(f"warning: {warning}")
    print(f"Built {out} in {time.perf_counter() - started:.1f} s; files changed: {written}")


def check(root):
    """Everything short of writing, with the page standard's shortcomings as faults."""
    *_, warnings = checked(Path(root))
    if warnings:
        raise FaultsError(warnings)
    print("No faults.")


def checked(root):
    """Discover and render the content; all faults of all pages are raised at once."""
    topics, faults = discover(root)
    faults += [*circle_faults(topics), *read_paths(topics)[1]]
    bibliography, found = read_bibliography(root / "topics/references.bib")
    faults += found
    glossary, found = read_glossary(root / "topics/glossary.md")
    faults += found
    pages, warnings = [], []
    for topic in topics:
        if topic.planned:
            continue
        print(f"Rendering {topic.slug}")
        page, found = render_topic(topic, bibliography, glossary, root)
        faults += found
        pages.append(page)
        warnings += shortcomings(page)
    faults += [*broken_links(pages, topics), *broken_anchors(pages, glossary)]
    if faults:
        raise FaultsError(faults)
    return pages, topics, glossary, warnings


def render_topic(topic, bibliography, glossary, root):
    drawn, faults = draw_demos(topic, root, CACHE)
    env = environment(TEMPLATES)
    site = SimpleNamespace(
        bibliography=bibliography,
        exercise_html=lambda _, name: exercises.exercise_html(env, topic, name),
        glossary=glossary,
        # a demo that failed at its defaults has its fault already
        demo_html=lambda _, name, number: demo_html(env, topic, drawn[name], number) if name in drawn else "",
    )
    scanned = scan(topic.body, topic.body_line)
    with kept(CACHE / "values", f"{topic.slug}-{inputs(topic, root, 'values.py')}.json") as texts:
        html_of, found = resolve(scanned, topic, site, partial(remembered_value, texts))
    prose = render_prose(scanned, html_of)
    faults += [*found, *exercises.prove(topic)]
    faults += [Fault(topic.file, line, cause) for line, cause in prose.problems]
    counts = Counter(key for c in scanned.constructs for key in c.keys if key in bibliography)
    references = [(key, Markup(bibliography.entry_html(key)), count) for key, count in counts.items()]
    terms = dict.fromkeys(glossary.find(c.name) for c in scanned.constructs if c.kind == "term")
    demos = [drawn[c.name] for c in scanned.constructs if c.kind == "demo" and c.name in drawn]
    posed = [c.name for c in scanned.constructs if c.kind == "exercise"]
    return Page(topic, prose, demos, posed, references, [entry for entry in terms if entry]), faults


def remembered_value(texts, argument, namespace):
    """The text of a value; a page's may take half a minute, so they are computed anew only with the code below them."""
    if argument not in texts:
        texts[argument] = value_text(argument, namespace)
    return texts[argument]


def demo_html(env, topic, drawn, number):
    grid = grid_path(topic, drawn)
    return env.get_template("demo.html").render(demo=shown(drawn), number=number, slug=topic.slug, grid=grid)


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
    index = search_index(pages, topics, glossary)
    search, icon = f"data/search-{digest(index)}.json", (TEMPLATES / "static/icon.svg").read_bytes()
    icon_path = f"static/icon-{digest(icon)}.svg"
    files = assets.files | {search: index, icon_path: icon} | metadata_files(topics, site_url)

    def html(path, base="", template="", **context):
        canonical = address(site_url, path) if site_url and path != "404.html" else ""
        context |= {"assets": assets, "base": base, "canonical": canonical, "search": search, "icon": icon_path}
        return env.get_template(template or path).render(feed="feed.xml" in files, **context).encode()

    for i, page in enumerate(pages):
        files[f"{page.topic.slug}.html"] = html(
            f"{page.topic.slug}.html",
            template="topic.html",
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
        files |= {grid_path(page.topic, drawn): drawn.grid.encode() for drawn in page.demos if drawn.grid}
    files["index.html"] = html("index.html", **index_context(env, pages, topics))
    files["glossary.html"] = html("glossary.html", entries=glossary.entries)
    # served for any missing address, at any depth: the one page whose links can't be relative
    files["404.html"] = html("404.html", base=site_url.rstrip("/") + "/" if site_url else "/")
    files[".nojekyll"] = b""  # GitHub Pages: serve the files as they are
    return files


def index_context(env, pages, topics):
    """What templates/index.html shows: the topics, their default figures, and a demo of the first written one."""
    by_slug = {topic.slug: topic for topic in topics}
    sections = dict.fromkeys(topic.section for topic in topics)
    headlines = {page.topic.slug: headline(page) for page in pages if headline(page)}
    first, opening = (pages[0].topic, next(iter(pages[0].demos), None)) if pages else (None, None)
    return {
        "topics": topics,
        "planned": sum(topic.planned for topic in topics),
        "sections": {name: [topic for topic in topics if topic.section == name] for name in sections},
        "needs": {topic.slug: [by_slug[need] for need in topic.meta["needs"]] for topic in topics},
        "paths": read_paths(topics)[0],
        "map": draw_map(topics),
        "miniatures": {slug: Markup(drawn.miniature) for slug, drawn in headlines.items()},
        "first": first,
        "headline": Markup(demo_html(env, first, opening, 1)) if opening else "",
    }


def headline(page):
    """The first demo on a page that draws a figure, or None."""
    return next((drawn for drawn in page.demos if drawn.miniature), None)


def refuse_foreign(out):
    """A build deletes what does not belong to it, so `out` is empty or holds a site of ours: one with our runtime."""
    there = {path.name for path in out.glob("*")} - KEPT
    if there and not any(out.glob(f"runtime-*/{LOCK}")):
        cause = f"holds {min(there)} and is no site built here: a build would delete it. Name a new or an empty folder."
        raise FaultsError([Fault(str(out.resolve()), 0, cause)])


def write(out, files, pack):
    """Make `out` hold exactly these files and the pack; returns how many were new or changed."""
    out.mkdir(parents=True, exist_ok=True)
    runtime = f"runtime-{pack.digest}"
    # the pack first: by it a build knows its own folder, even one that was left half written
    everything = {f"{runtime}/{path.name}": path for path in sorted(pack.directory.iterdir())} | files
    counts = Counter(write_file(out / name, content) for name, content in everything.items())
    keep = {out / name for name in everything}
    for path in sorted(out.rglob("*"), reverse=True):
        if path.relative_to(out).parts[0] in KEPT:
            continue
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
