"""What stood wrong once is told: the file of corrections, its faults, and the page that shows it."""

import re
from datetime import date
from types import SimpleNamespace

import pytest

from builder.page.corrections import FILE, parse_corrections
from builder.page.references import Bibliography
from tests.conftest import REPOSITORY, make_project, run_build
from topics import ORDER

TOPICS = [SimpleNamespace(slug="rope", planned=False), SimpleNamespace(slug="lora", planned=True)]
SITE = SimpleNamespace(bibliography=Bibliography({}), glossary=None)
GOOD = "Stood there: two\nlines.\n\nRight: $x^2$, as [here](rope.md).\n\nFound: by a reader.\n"


def test_corrections_are_read_newest_first_with_mathematics_and_links():
    text = f"# Corrections\n\n## rope, 2026-11-22\n\n{GOOD}\n## rope, 2026-11-30\n\n{GOOD}"
    (new, old), faults = parse_corrections(text, TOPICS, SITE)
    assert faults == []
    assert (new.day, old.day, new.slug) == (date(2026, 11, 30), date(2026, 11, 22), "rope")
    assert list(new.parts) == ["Stood there", "Right", "Found"]
    assert new.parts["Stood there"] == "<p>two\nlines.</p>"
    assert "katex" in new.parts["Right"] and '<a href="rope.html">here</a>' in new.parts["Right"]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (f"## ropes, 2026-11-30\n\n{GOOD}", 1, "ropes is no written page. Did you mean rope?"),
        (f"## lora, 2026-11-30\n\n{GOOD}", 1, "lora is no written page"),
        (f"\n## rope, 2026-13-30\n\n{GOOD}", 2, "is not a page and a day, such as"),
        (f"## rope\n\n{GOOD}", 1, "is not a page and a day"),
        ("## rope, 2026-11-30\n\nRight: this.\n", 1, r"three paragraphs, “Stood there: …”.*here are \['Right'\]"),
        ("## rope, 2026-11-30\n\n" + GOOD.replace("by a", "by [[cite a2020]]"), 8, "text, links and mathematics only"),
        ("## rope, 2026-11-30\n\n" + GOOD.replace("x^2", "x^{2"), 6, "x"),
    ],
)
def test_a_broken_correction_is_told_with_its_line(text, line, says):
    _, faults = parse_corrections(text, TOPICS, SITE)
    assert {fault.line for fault in faults} == {line}
    assert any(re.search(says, fault.cause, re.S) for fault in faults)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    add = make_project(tmp_path_factory.mktemp("corrections") / "project")
    add("rope", "Words.\n", "x = 1\n")
    add("mla", "Other words.\n", "x = 1\n")
    (add.root / FILE).write_text(f"## rope, 2026-11-30\n\n{GOOD}\n## rope, 2026-11-30\n\n{GOOD}")
    run_build("build", root=add.root)
    return add.root / "site"


def test_every_page_leads_to_the_corrections_and_a_corrected_page_to_its_own(built):
    for page in built.glob("*.html"):
        assert re.search(r'<footer.*href="(\.?/)?corrections.html"', page.read_text(), re.S), page
    anchor = "rope-2026-11-30"
    assert f'href="corrections.html#{anchor}"' in (built / "rope.html").read_text()
    assert "corrections.html#" not in (built / "mla.html").read_text()
    page = (built / "corrections.html").read_text()
    assert page.count(f'id="{anchor}"') == 1
    assert page.count("by a reader") == 2


def test_every_page_offers_a_report_that_names_it_and_its_build(built):
    reports = {path.name: re.search(r'<a href="([^"]*issues/new[^"]*)"', path.read_text())[1]
               for path in built.glob("*.html")}  # fmt: skip
    assert "Page%3A+rope.html%0AFigure" in reports["rope.html"]
    builds = {re.search(r"Build%3A\+(\w{16})%0A", report)[1] for report in reports.values()}
    assert len(builds) >= 3  # two topics, and what has no prose of its own


def test_the_projects_own_corrections_name_written_pages_and_are_dated():
    topics = [SimpleNamespace(slug=slug, planned=False) for slugs in ORDER.values() for slug in slugs]
    corrections, faults = parse_corrections((REPOSITORY / FILE).read_text(), topics, SITE)
    assert faults == []
    assert corrections
