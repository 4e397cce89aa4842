"""What the search looks through: every section of every page as plain text, in one file. Searches nothing itself.

The browser fetches it when the search is first opened, and makes its index there: static/js/page/search-dialog.js.
"""

import json
from dataclasses import dataclass
from html.parser import HTMLParser

# Left out: what is drawn, what is operated, listings, and mathematics' second form.
SKIPPED_TAGS = {"svg", "script", "style", "template", "pre", "form", "button"}
SKIPPED_CLASSES = {"katex-html", "katex-display", "equation-number", "anchor", "visually-hidden"}
SKIPPED_CLASSES |= {"demo-views", "demo-status", "demo-tools"}
INLINE = {"a", "abbr", "b", "code", "em", "i", "mark", "s", "small", "span", "strong", "sub", "sup"}
INLINE |= {"math", "semantics", "mrow", "mi", "mn", "mo", "msub", "msup", "mtext", "mfrac", "mstyle"}
VOID = {"br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


@dataclass(frozen=True)
class Place:
    """Somewhere that a search can lead to."""

    url: str
    page: str
    heading: str
    text: str


class Sections(HTMLParser):
    """[id, heading, text] of each part of a page, cut at headings with an id; what stands above the first has none."""

    def __init__(self, html):
        super().__init__()
        self.parts, self.skipping, self.in_heading = [["", "", ""]], 0, False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag in VOID:
            return
        attrs = dict(attrs)
        classes = set((attrs.get("class") or "").split())
        if self.skipping or tag in SKIPPED_TAGS or classes & SKIPPED_CLASSES:
            self.skipping += 1
        elif tag in ("h2", "h3") and "id" in attrs:
            self.parts.append([attrs["id"], "", ""])
            self.in_heading = True
        self.space(tag)

    def handle_endtag(self, tag):
        if self.skipping and tag not in VOID:
            self.skipping -= 1
        self.in_heading = self.in_heading and tag not in ("h2", "h3")
        self.space(tag)

    def handle_data(self, data):
        if not self.skipping:
            self.parts[-1][1 if self.in_heading else 2] += data

    def space(self, tag):
        """Words of two paragraphs, or of two cells, are not one word."""
        if tag not in INLINE:
            self.handle_data(" ")


def sections(html):
    """[(id, heading, text)] of a page's body.

    >>> sections('<p>One.</p><h2 id="b">Two <a class="anchor">#</a></h2><p>Three</p><p>four.</p>')
    [('', '', 'One.'), ('b', 'Two', 'Three four.')]
    """
    parts = ([" ".join(text.split()) for text in part] for part in Sections(html).parts)
    return [(anchor, heading, text) for anchor, heading, text in parts if heading or text]


def places(pages, topics, glossary):
    """All that can be found: written pages by section, planned ones on the index, the glossary's terms."""
    for page in pages:
        topic = page.topic
        for anchor, heading, text in page.sections:
            opening = "" if heading else f"{topic.meta['summary']} "
            yield Place(f"{topic.slug}.html" + f"#{anchor}" * bool(anchor), topic.title, heading, opening + text)
    for topic in topics:
        if topic.planned:
            yield Place(f"index.html#{topic.slug}", topic.title, "In preparation", topic.meta["summary"])
    for entry in glossary.entries:
        yield Place(f"glossary.html#{entry.id}", "Glossary", entry.term, entry.text)


def search_index(pages, topics, glossary):
    """The file's bytes."""
    everything = [vars(place) for place in places(pages, topics, glossary)]
    return json.dumps(everything, ensure_ascii=False, separators=(",", ":")).encode()
