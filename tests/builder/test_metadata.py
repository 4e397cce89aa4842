"""What readers never see: descriptions, canonical addresses, sitemap, feed, robots, the icon."""

import re
import xml.etree.ElementTree as ET

import pytest

from builder.index.metadata import ATOM, SITEMAP
from tests.builder.test_build import GOOD
from tests.conftest import REPOSITORY, make_project, run_build

HOME = "https://example.org/llm-internals"
META = "title: A page\nsummary: What it is, & why.\nminutes: 5\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    add = make_project(tmp_path_factory.mktemp("metadata") / "project")
    add("alpha", "Words.\n\n## Part\n\nMore.\n", GOOD, META + "reviewed: 2026-11-20\n")
    add("beta", "Words.\n", GOOD, META)
    add("gamma")
    return add.root


@pytest.fixture(scope="module")
def there(project):
    """The site as the workflow builds it, knowing where it will stand."""
    run_build("build", "--out", project / "there", root=project, SITE_URL=HOME)
    return project / "there"


@pytest.fixture(scope="module")
def anywhere(project):
    """The site for any place."""
    run_build("build", "--out", project / "anywhere", root=project, SITE_URL="")
    return project / "anywhere"


def test_the_sitemap_lists_the_written_pages(there):
    root = ET.parse(there / "sitemap.xml").getroot()
    places = {url.find(f"{{{SITEMAP}}}loc").text: url.find(f"{{{SITEMAP}}}lastmod") for url in root}
    own = ("", "glossary.html", "practice.html", "symbols.html", "corrections.html", "offline.html")
    pages = (*own, "alpha.html", "beta.html")
    assert list(places) == [f"{HOME}/{page}" for page in pages]
    assert places[f"{HOME}/alpha.html"].text == "2026-11-20"
    assert places[f"{HOME}/beta.html"] is None


def test_the_feed_announces_reviewed_pages_with_their_day(there):
    root = ET.parse(there / "feed.xml").getroot()
    assert root.tag == f"{{{ATOM}}}feed"
    (entry,) = root.findall(f"{{{ATOM}}}entry")
    texts = {child.tag.removeprefix(f"{{{ATOM}}}"): child.text for child in entry}
    assert texts["id"] == f"{HOME}/alpha.html"
    assert texts["updated"] == "2026-11-20T00:00:00Z"
    assert texts["summary"] == "What it is, & why."
    assert root.find(f"{{{ATOM}}}updated").text == "2026-11-20T00:00:00Z"
    for needed in ("title", "id", "author"):
        assert root.find(f"{{{ATOM}}}{needed}") is not None


def canonical(path):
    return re.findall(r'<link rel="canonical" href="([^"]+)">', path.read_text())


def test_canonical_addresses_are_whole_where_the_place_is_known(there):
    assert canonical(there / "alpha.html") == [f"{HOME}/alpha.html"]
    assert canonical(there / "index.html") == [f"{HOME}/"]
    assert canonical(there / "404.html") == [], "a missing page is not a page"


def test_without_a_place_no_address_is_whole(anywhere):
    assert not {"sitemap.xml", "feed.xml"} & {path.name for path in anywhere.iterdir()}
    for page in anywhere.glob("*.html"):
        assert canonical(page) == []
        assert "og:url" not in page.read_text()
        assert "feed.xml" not in page.read_text()


def test_robots_may_read_everything_and_find_the_sitemap(there, anywhere):
    assert (there / "robots.txt").read_text() == f"User-agent: *\nAllow: /\nSitemap: {HOME}/sitemap.xml\n"
    assert "Sitemap" not in (anywhere / "robots.txt").read_text()


def test_every_page_describes_itself(there):
    for page in there.glob("*.html"):
        html = page.read_text()
        title, shared = re.search("<title>(.*?)</title>", html)[1], re.search('og:title" content="(.*?)"', html)[1]
        assert title == shared
        assert re.search('name="description" content="(.{10,})"', html)[1] in html.split("og:description")[1]
    assert 'content="What it is, &amp; why."' in (there / "alpha.html").read_text()


def test_the_icon_is_our_own_and_is_there(there):
    icon = re.search(r'<link rel="icon"[^>]* href="([^"]+)"', (there / "alpha.html").read_text())[1]
    assert ET.parse(there / icon).getroot().tag.endswith("svg")


def test_the_browsers_frame_has_the_colour_of_the_page():
    css = (REPOSITORY / "templates/static/css/theme.css").read_text()
    base = (REPOSITORY / "templates/base.html").read_text()
    for colour in re.findall(r'name="theme-color" content="(#\w+)"', base):
        assert re.search(rf"--surface:[^;]*{colour}", css), colour
