"""References, glossary and front matter: what is right is read, what is wrong has a line and a remedy."""

import pytest

from builder.page.glossary import parse_glossary
from builder.page.references import parse_bibliography
from builder.read.frontmatter import parse

GOOD = "---\ntitle: KV cache\nsummary: Keep it.\nneeds: [attention]\nminutes: 18\n---\n\nBody\n---\n"


def bib(text):
    sources, faults = parse_bibliography(text, "r.bib")
    return sources, [str(fault) for fault in faults]


def front(text):
    *_, faults = parse(text, "a.md", slugs=["attention", "rope"])
    return [str(fault) for fault in faults]


@pytest.mark.parametrize(
    "author, short",
    [
        ("Su, Jianlin", "Su, 2021"),
        ("Su, J. and Lu, Y.", "Su & Lu, 2021"),
        ("Su, J. and others", "Su et al., 2021"),
        ("Su, J. and Lu, Y. and Pan, S.", "Su et al., 2021"),
        ("{Meta AI}", "Meta AI, 2021"),
        ('van den Oord, A{\\"a}ron', "van den Oord, 2021"),
        ("R{\\'e}, C.", "Ré, 2021"),
    ],
)
def test_running_text_names_authors_and_year(author, short):
    sources, faults = bib(f"@misc{{k, title={{T}}, author={{{author}}}, year=2021}}")
    assert (sources.short("k"), faults) == (short, [])


def test_an_entry_is_a_sentence_with_its_link():
    sources, _ = bib(
        "@article{k, title={A {GPT} & B}, author={Dao, Tri and Fu, D. Y.}, year=2022, journal={J}, eprint={1.2}}"
    )
    assert sources.entry_html("k") == (
        "Dao, T. &amp; Fu, D. Y. (2022). "
        '<a href="https://arxiv.org/abs/1.2" rel="noopener">A GPT &amp; B</a>. <em>J</em>.'
    )


def test_two_papers_of_one_year_differ_by_a_letter():
    one = "@misc{%s, title={T}, author={Su, J.}, year=2021}\n"
    sources, _ = bib(one % "x" + one % "y")
    assert [sources.short(key) for key in "xy"] == ["Su, 2021a", "Su, 2021b"]


@pytest.mark.parametrize(
    "text, fault",
    [
        ("\n@misc{k, author={A}, year=1}", "r.bib:2: k has no title"),
        ("@misc{k, title={T}}", "r.bib:1: k has no author and no year"),
        (
            "@misc{k, title={T}, author={A}, year=1}\n\n@misc{k, title={T}, author={A}, year=1}",
            "r.bib:3: k stands twice",
        ),
        ("@misc{k, title={T}, author={A}, year=1}\n@misc{x, title=}", "r.bib:2: BibTeX: field value expected"),
    ],
)
def test_a_broken_bibliography_has_its_line(text, fault):
    assert bib(text)[1][0] == fault


def test_the_glossary_is_sorted_and_knows_its_terms_in_any_case():
    glossary, faults = parse_glossary(
        "# G\n\n## zeta\n\nZ.\n\n## Alpha beta\n\nA $x$, *see* [[term ZETA : zetas]].\n", "g.md"
    )
    assert faults == [] and glossary.terms == ["Alpha beta", "zeta"]
    entry = glossary.find("alpha beta")
    assert (entry.id, entry.line, entry.text) == ("alpha-beta", 7, "A x, see zetas.")
    assert 'href="glossary.html#zeta"' in entry.html and "katex" in entry.html


@pytest.mark.parametrize(
    "text, fault",
    [
        ("## a\n\nx\n\n## a\n\ny", "g.md:5: a is defined twice"),
        ("## a\n\n## b\n\ny", "g.md:1: a has no definition below it"),
        ("## a\n\nSee [[term bb]].\n\n## bbb\n\ny", "g.md:3: [[term bb]]: bb is not in glossary.md. Did you mean bbb?"),
        ("## a\n\nSee\n[[trm b]].", "g.md:4: [[trm …]] is not a construct. Did you mean term?"),
    ],
)
def test_a_broken_glossary_has_its_line(text, fault):
    (found,) = parse_glossary(text, "g.md")[1]
    assert str(found).startswith(fault)


@pytest.mark.parametrize("text", [GOOD, GOOD.replace("\n", "\r\n"), "\ufeff" + GOOD])
def test_front_matter_is_split_from_a_body_that_knows_its_line(text):
    meta, body, line, faults = parse(text, "a.md")
    assert meta == {"title": "KV cache", "summary": "Keep it.", "needs": ["attention"], "minutes": 18}
    assert (body, line, faults) == ("\nBody\n---\n", 7, [])


@pytest.mark.parametrize(
    "old, new, fault",
    [
        ("title: KV cache", "titel: KV", "a.md:2: unknown key titel. Did you mean title?"),
        ("title: KV cache\n", "", "a.md:1: title is missing from the front matter"),
        ("KV cache", "2024", "a.md:2: title is a text, not 2024; put it in quotes"),
        ("Keep it.", "Keep: it", "a.md:3: YAML: mapping values are not allowed here. A text that holds ': '"),
        ("[attention]", "attention", "a.md:4: needs is a list of topics"),
        ("[attention]", "[atention]", "a.md:4: needs atention, which is not a topic. Did you mean attention?"),
        ("18", "soon", "a.md:5: minutes is a whole number"),
        ("18", "true", "a.md:5: minutes is a whole number"),
        ("minutes: 18", "minutes: 18\nminutes: 19", "a.md:6: minutes stands twice"),
        ("minutes: 18", "minutes: 18\nsection: Attention", "a.md:6: unknown key section."),  # ORDER says it
        ("---\n\nBody\n---", "Body", "a.md:1: the front matter is not closed"),
        ("---\ntitle", "title", "a.md:1: begins without front matter"),
    ],
)
def test_broken_front_matter_has_its_line(old, new, fault):
    assert front(GOOD.replace(old, new, 1))[0].startswith(fault)


def test_all_faults_of_front_matter_are_found_at_once():
    assert len(front("---\ntitel: x\nneeds: rope\nminutes: 0\n---\n")) == 5
