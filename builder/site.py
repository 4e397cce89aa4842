"""The linear build: read, render, check, bundle, and only then write. Knows every step, does none itself."""

import time
from datetime import date
from pathlib import Path
from types import SimpleNamespace

from markupsafe import Markup

from builder import watch
from builder.bundle.archive import ARCHIVE, archive_of
from builder.bundle.assets import bundle
from builder.bundle.elsewhere import elsewhere_of
from builder.bundle.katex import classes_of
from builder.bundle.runtime import build_pack
from builder.cache import digest
from builder.faults import Fault, FaultsError, did_you_mean
from builder.index.index import circle_faults, map_of, read_paths
from builder.index.metadata import address, metadata_files
from builder.index.offline import LIST, PAGE, WORKER, groups, listing
from builder.index.practice import answers, known, practice_context
from builder.index.search import search_index
from builder.index.symbols import shown, signs, tables_of
from builder.page.citation import around, published, report_address
from builder.page.corrections import FILE as CORRECTIONS
from builder.page.corrections import read_corrections
from builder.page.prose import TEMPLATE_IDS
from builder.page.standard import overdue
from builder.page.verified import verified_by
from builder.pages import read_shared, render_topics
from builder.places import CACHE, REPOSITORY, TEMPLATES
from builder.read.discover import discover
from builder.read.order import OWN
from builder.take.alone import PLACE
from builder.templating import environment
from builder.write import pack_files, refuse_foreign, write


def build(root, out, site_url="", runtime_url="", archive=False):
    """Build the site of the project at `root` into `out`; raises FaultsError and writes nothing on any fault.

    site_url     where it will stand, if that is known
    runtime_url  where a copy of it stands from which readers fetch Python and the models
    archive      also as one zip, to which the page about networks then links
    """
    started = time.perf_counter()
    elsewhere = elsewhere_of(runtime_url)
    refuse_foreign(Path(out))  # now, not after half a minute of rendering
    pages, topics, glossary, corrections = checked(Path(root))
    pack = build_pack(CACHE, REPOSITORY / "node_modules")
    texts = [page.prose.html for page in pages] + [entry.html for entry in glossary.entries]
    texts += [part for each in corrections for part in each.parts.values()]
    assets = bundle(Path(root) / "topics", pack, elsewhere, classes_of("".join(texts)))
    claims, unread = verified_by(root)
    files, html = render_site(Path(root), pages, topics, glossary, corrections, claims, assets, site_url)
    files |= without_network(files, pack, html, archive)
    written = write(Path(out), files, pack)
    for warning in [warning for page in pages for warning in page.warnings] + unread:
        print(f"warning: {warning}")
    print(f"Built {out} in {time.perf_counter() - started:.1f} s; files changed: {written}")


def check(root):
    """Everything short of writing, with the page standard's shortcomings as faults."""
    pages, *_ = checked(Path(root))
    for page in pages:
        for late in overdue(page.topic, date.today()):
            print(f"warning: {late}")  # a warning only: a site must not fail by the calendar
    warnings = [warning for page in pages for warning in page.warnings]
    if found := [*warnings, *verified_by(root)[1]]:
        raise FaultsError(found)
    print("No faults.")


def checked(root):
    """Discover and render the content; all faults of all pages are raised at once."""
    result, lost = watch.run(read_all, {"texts": root}, root)["texts"]
    if lost:
        raise FaultsError([lost])
    topics, shared, corrections, faults = result
    pages = []
    for page, found in render_topics([topic for topic in topics if not topic.planned], shared):
        pages += [page] if page else []
        faults += found
    faults += [*broken_links(pages, topics), *broken_anchors(pages, shared.glossary)]
    if faults:
        raise FaultsError(faults)
    return pages, topics, shared.glossary, corrections


def read_all(root):
    """(topics, Shared, corrections, faults): all that is read before a page is rendered."""
    topics, faults = discover(root)
    faults += [*circle_faults(topics), *read_paths(topics, root)[1], *tables_of(topics, root)[1]]
    shared, found = read_shared(root)
    watch.step(CORRECTIONS, 0, "its reading")
    corrections, wrong = read_corrections(root / CORRECTIONS, topics, shared)
    return topics, shared, corrections, [*faults, *found, *wrong]


def broken_links(pages, topics):
    """Links to topics that don't exist or aren't written yet."""
    written = {topic.slug for topic in topics if not topic.planned} | set(OWN)
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


def render_site(root, pages, topics, glossary, corrections, claims, assets, site_url):
    """{path: bytes} of the site but for the runtime pack and what tells of all files; and the function that renders."""
    env = environment(TEMPLATES)
    defined = {entry.id: entry for entry in glossary.entries}
    index = search_index(pages, topics, glossary)
    search, icon = f"data/search-{digest(index)}.json", (TEMPLATES / "static/icon.svg").read_bytes()
    icon_path = f"static/icon-{digest(icon)}.svg"
    lists = {"answers": answers(pages), "known": known(pages)}
    paths = {name: f"data/{name}-{digest(data)}.json" for name, data in lists.items()}
    asked = {paths[name]: data for name, data in lists.items()}
    grids = {demo.grid_path: demo.grid.encode() for page in pages for demo in page.demos if demo.grid}
    files = assets.files | grids | asked | {search: index, icon_path: icon} | metadata_files(topics, site_url)
    files[WORKER] = assets.service
    named = digest(*sorted(path for path in files if "/" in path))  # a page of another build may ask for what is gone

    def html(path, base="", template="", **context):
        own = f"{context['topic'].slug}.html" if "topic" in context else path
        canonical = address(site_url, own) if site_url and path != "404.html" else ""
        title = context["topic"].title if "topic" in context else path.removesuffix(".html").capitalize()
        build = digest(named, context["prose"].html if "prose" in context else "")
        home = context.get("topic") or context.get("first")
        context |= {
            "python": assets.topics.get(home.slug) if home else None,
            "report": report_address(title, path, build),
            "assets": assets,
            "build": named,
            "base": base,
            "canonical": canonical,
            "search": search,
            "search_bytes": len(index),
            "icon": icon_path,
        }
        return env.get_template(template or path).render(feed="feed.xml" in files, **context).encode()

    for i, page in enumerate(pages):
        files[f"{page.topic.slug}.html"] = html(
            f"{page.topic.slug}.html",
            template="topic.html",
            topic=page.topic,
            prose=SimpleNamespace(html=Markup(page.prose.html), toc=Markup(page.prose.toc)),
            references=page.references,
            terms=[defined[term] for term in page.terms],
            around=around(page.topic, site_url),
            corrected=[each for each in corrections if each.slug == page.topic.slug],
            needs=[topic for topic in topics if topic.slug in page.topic.meta.get("needs", [])],
            verified=claims.get(page.topic.slug, []),
            taken=sorted(page.taken),
            previous=pages[i - 1].topic if i else None,
            next=pages[i + 1].topic if i + 1 < len(pages) else None,
        )
        files |= page.pictures | dict(embedded(page, html))
        files |= {name: placed(text, site_url).encode() for name, text in page.taken.items()}
    files["index.html"] = html("index.html", **index_context(pages, topics, root))
    files["glossary.html"] = html("glossary.html", entries=glossary.entries)
    titles = {topic.slug: topic.title for topic in topics}
    files["practice.html"] = html(
        "practice.html",
        **practice_context(pages),
        paths=read_paths(topics, root)[0],
        asking={page.topic.slug for page in pages if page.asks},
        answers=paths["answers"],
        answers_bytes=len(lists["answers"]),
    )
    files["symbols.html"] = html("symbols.html", signs=signs(topics, tables_of(topics, root)[0]), shown=shown)
    files["yours.html"] = html("yours.html", known=paths["known"], known_bytes=len(lists["known"]))
    files["corrections.html"] = html("corrections.html", corrections=corrections, titles=titles)
    # served for any missing address, at any depth: the one page whose links can't be relative
    files["404.html"] = html("404.html", base=site_url.rstrip("/") + "/" if site_url else "/")
    files[".nojekyll"] = b""  # GitHub Pages: serve the files as they are
    return files, html


def without_network(files, pack, html, archive):
    """{path: bytes} of the page about networks, the list of what can be kept, and the archive if it is wanted.

    What is packed can't tell the size of the package: that copy of the page has no link to it.
    """
    whole = files | {path: file.read_bytes() for path, file in pack_files(pack).items()}
    own = page_and_list(whole, html, 0)
    if not archive:
        return own
    packed = archive_of(whole | own)
    return page_and_list(whole, html, len(packed)) | {ARCHIVE: packed}


def page_and_list(whole, html, packed):
    page = b""
    for _ in range(2):  # the page counts itself
        page = html(PAGE, groups=groups(whole | {PAGE: page}), archive=packed, archive_name=ARCHIVE)
    return {PAGE: page, LIST: listing(whole | {PAGE: page})}


def embedded(page, html):
    """(path, bytes) of each demo of a page alone, to stand in a frame of anybody's page."""
    for number, demo in enumerate(page.demos, 1):
        path = f"embed/{page.topic.slug}.{demo.name}.html"
        # its number leads to its topic
        alone = Markup(demo.html.replace(' href="#', f' href="{page.topic.slug}.html#'))
        yield path, html(path, "", "embed.html", topic=page.topic, name=demo.name, number=number, demo=alone)


def placed(text, site_url):
    """What a reader takes away, with the address that it came from; a site that knows none names the repository."""
    folder = f"{site_url.rstrip('/')}/" if site_url else ""
    return text.replace(f"{PLACE}/", folder).replace(PLACE, site_url or published()[0])


def index_context(pages, topics, root):
    """What templates/index.html shows: the topics, their default figures, and a demo of the first written one."""
    by_slug = {topic.slug: topic for topic in topics}
    sections = dict.fromkeys(topic.section for topic in topics)
    first, opening = (pages[0].topic, next(iter(pages[0].demos), None)) if pages else (None, None)
    return {
        "topics": topics,
        "planned": sum(topic.planned for topic in topics),
        "sections": {name: [topic for topic in topics if topic.section == name] for name in sections},
        "needs": {topic.slug: [by_slug[need] for need in topic.meta["needs"]] for topic in topics},
        "paths": read_paths(topics, root)[0],
        "map": map_of(topics),
        "pictures": {page.topic.slug: Markup(page.picture) for page in pages if page.picture},
        "first": first,
        "headline": Markup(opening.html) if opening else "",
        "caption": opening.caption if opening else "",
    }
