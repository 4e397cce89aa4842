"""The files that readers never see: sitemap, feed, robots. Knows the pages' names and dates, not what stands on them.

Sitemaps and feeds hold whole addresses, so there are none unless SITE_URL says where the site will stand.
"""

import xml.etree.ElementTree as ET

from builder.read.order import OWN

TITLE = "LLM Internals"
UNDATED = [f"{name}.html" for name in OWN if name != "yours"]  # that one is another for each reader
ATOM, SITEMAP = "http://www.w3.org/2005/Atom", "http://www.sitemaps.org/schemas/sitemap/0.9"


def metadata_files(topics, site_url):
    """{path: bytes}."""
    robots = "User-agent: *\nAllow: /\n"
    if not site_url:
        return {"robots.txt": robots.encode()}
    written = [topic for topic in topics if not topic.planned]
    return {
        "robots.txt": f"{robots}Sitemap: {address(site_url, 'sitemap.xml')}\n".encode(),
        "sitemap.xml": sitemap(written, site_url),
        "feed.xml": feed(written, site_url),
    }


def address(site_url, path):
    """
    >>> address("https://example.org/llm-internals", "index.html"), address("https://example.org/", "feed.xml")
    ('https://example.org/llm-internals/', 'https://example.org/feed.xml')
    """
    return f"{site_url.rstrip('/')}/{'' if path == 'index.html' else path}"


def sitemap(written, site_url):
    root = ET.Element("urlset", xmlns=SITEMAP)
    for path, reviewed in [*((name, None) for name in UNDATED), *((page_of(t), date_of(t)) for t in written)]:
        url = ET.SubElement(root, "url")
        ET.SubElement(url, "loc").text = address(site_url, path)
        if reviewed:
            ET.SubElement(url, "lastmod").text = reviewed
    return xml(root)


def feed(written, site_url):
    """Atom. A page is announced with the day of its review; one without a day waits for it."""
    dated = sorted(filter(date_of, written), key=lambda topic: (date_of(topic), topic.slug), reverse=True)
    root = ET.Element("feed", xmlns=ATOM)
    home, newest = address(site_url, "index.html"), date_of(dated[0]) if dated else "1970-01-01"
    common(root, TITLE, home, newest, home)
    ET.SubElement(root, "link", rel="self", href=address(site_url, "feed.xml"))
    ET.SubElement(ET.SubElement(root, "author"), "name").text = TITLE
    for topic in dated:
        page = address(site_url, page_of(topic))
        entry = ET.SubElement(root, "entry")
        common(entry, topic.title, page, date_of(topic), page)
        ET.SubElement(entry, "summary").text = topic.meta["summary"]
    return xml(root)


def common(element, title, name, day, link):
    ET.SubElement(element, "title").text = title
    ET.SubElement(element, "id").text = name
    ET.SubElement(element, "updated").text = f"{day}T00:00:00Z"
    ET.SubElement(element, "link", href=link)


def page_of(topic):
    return f"{topic.slug}.html"


def date_of(topic):
    """The day of the page's review as text, "" while there is none."""
    return str(topic.meta.get("reviewed", ""))


def xml(root):
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"
