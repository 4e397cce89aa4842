"""Each construct means what the page's author was told, and a wrong one says what is wrong and where."""

import importlib
import math
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from builder.page.constructs import resolve
from builder.page.glossary import parse_glossary
from builder.page.references import parse_bibliography
from builder.page.values import NumberError, value_text
from builder.read.scan import scan
from topics.kit.page.demo import is_demo

MODULE = '''"""A topic. T tokens"""
from dataclasses import dataclass
from math import sqrt

import numpy as np

from topics.kit import GIB, Slider, demo, softmax


def cache_bytes(T, b=2):
    """Bytes (eq:bytes)."""
    return T * b < 3


@demo(T=Slider("Tokens", 1, 4, value=2))
def growth(T):
    """Grows."""
    # see (eq:bytes, eq:step)
    return T


shape = (1, 2)
matrix = np.array([[1.0, 2.5], [3.0, -4.0]])
'''
EQUATIONS = "$$a$$ {#eq:bytes}\n\n$$b$$ {#eq:step}\n\n"
SOURCES = """
@article{dao2022, title={Flash & Fast {IO}}, author={Dao, Tri and Fu, D. and Rudra, A.}, year={2022}, eprint={1}}
@misc{su2021, title={RoPE}, author={Su, J. and Lu, Y.}, year={2021}, url={https://a.b/?x&y}}
"""


@pytest.fixture(scope="module")
def site():
    bibliography, faults = parse_bibliography(SOURCES, "topics/references.bib")
    glossary, more = parse_glossary("## logit\n\nA *score*, no [[term token]].\n\n## token\n\nA piece.\n", "g.md")
    assert faults + more == []
    return SimpleNamespace(
        bibliography=bibliography,
        glossary=glossary,
        demo_html=lambda topic, name, number: f"<div>{number} {name}</div>",
        exercise_html=lambda topic, name: f"<div>EXERCISE {name}</div>",
    )


@pytest.fixture(scope="module")
def topic(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modules")
    (folder / "sample_topic.py").write_text(MODULE)
    sys.path.insert(0, str(folder))
    module = importlib.import_module("sample_topic")
    sys.path.remove(str(folder))
    demos = {name: thing for name, thing in vars(module).items() if is_demo(thing)}
    yield SimpleNamespace(slug="sample", file="topics/sample/page.md", modules=[module], names=vars(module),
                          demos=demos, exercises={"grow": None})  # fmt: skip
    del sys.modules["sample_topic"]


@pytest.fixture
def page(topic, site):
    """HTML of each construct of a text, in order, and its faults as texts; the labels that MODULE cites exist."""

    def render(text):
        scanned = scan(EQUATIONS + text, first_line=-3)  # so that `text` begins at line 1
        html_of, faults = resolve(scanned, topic, site)
        return [html_of.get(c.token) for c in scanned.constructs[2:]], [str(fault) for fault in sorted(faults)]

    return render


def only_html(rendered):
    (html,), faults = rendered
    assert faults == []
    return html


def only_fault(rendered):
    (fault,) = rendered[1]
    return fault


def test_a_demo_is_drawn_by_the_site(page):
    assert only_html(page("[[demo growth]]")) == "<div>1 growth</div>"


def test_a_wrong_demo_names_the_nearest(page):
    fault = "topics/sample/page.md:3: [[demo grwth]] is not in topics/sample. Did you mean growth?"
    assert only_fault(page("a\n\n[[demo grwth]]")) == fault


def test_a_demo_stands_on_a_page_once(page):
    assert "twice" in only_fault(page("[[demo growth]]\n\n[[demo growth]]"))


def test_a_function_that_is_no_demo_is_refused_as_one(page):
    assert "is not in topics/sample." in only_fault(page("[[demo cache_bytes]]"))


def test_code_is_the_source_that_runs(page):
    html = only_html(page("[[code cache_bytes]]"))
    cell = r'<code-cell target="sample_topic\.cache_bytes" of="\w{8}"><figure class="code" id="code-cache_bytes">'
    assert re.search(cell, html)
    assert "<code>sample_topic.py</code>" in html and "&lt;" in html
    assert '<a href="#eq-bytes" title="Equation 1">eq:bytes</a>' in html


def test_code_follows_a_name_to_its_home(page):
    html = only_html(page("[[code softmax]]"))
    assert 'target="topics.kit.numerics.softmax"' in html and "topics/kit/numerics.py" in html


def test_code_of_a_demo_omits_its_controls(page):
    html = only_html(page("[[code growth]]"))
    assert "Slider" not in html and '<code class="language-python"><span class="k">def</span>' in html


@pytest.mark.parametrize("name", ["cache_byte", "np", "matrix", "print", "sqrt", "dataclass"])
def test_code_shows_only_functions_of_the_site(page, name):
    assert f"[[code {name}]] is not a function in topics/sample." in only_fault(page(f"[[code {name}]]"))


@pytest.mark.parametrize(
    "argument, text",
    [
        ("shape[0] / 8 : .2f", "0.12"),
        ("2**17", "131,072"),
        ("2**17 : d", "131072"),
        ("{'a': 1}['a'] : d", "1"),
        ("shape[0 : 1][0]", "1"),
        ("shape[0 : 2][1] : .1f", "2.0"),
        ("(lambda x : x)(3)", "3"),
        ("matrix[1][1] : .1f", "−4.0"),
        ("matrix[:1, :1]  :  .0%", "100%"),
        ("round(max(shape) / 3, 2) : g", "0.67"),
        ("np.int64(4096)", "4,096"),
        ("sum(1 for n in shape if n in shape)", "2"),
        ("'a' + 'b'", "ab"),
        ("sum(\n1 for x in (1, 2)\n)", "2"),
    ],
)
def test_a_value_is_computed_and_written(page, argument, text):
    html = only_html(page(f"[[value {argument}]]"))
    assert html.endswith(f">{text}</span>") and html.startswith('<span class="value" title="')


@pytest.mark.parametrize(
    "argument, cause",
    [
        ("cache_byte(1)", "name 'cache_byte' is not defined. Did you mean cache_bytes?"),
        ("GIBI : d", "Did you mean GIB?"),
        ("cache_bytes(1, : d", "a format follows ' : '"),
        ("1 / 0 : d", "ZeroDivisionError"),
        ("shape[9]", "IndexError"),
        ("np.sqr(2) : d", "AttributeError"),
        ("float('nan') : .1f", "gives nan"),
        ("np.float64(1) / 0 : .1f", "gives inf"),
        ("1.5 : d", "the format 'd' does not fit 1.5"),
        ("1.5 : .f", "the format '.f' does not fit"),
        ("2 / 3", "say how to write it: [[value 2 / 3 : .1f]]"),
        ("matrix : .1f", "an array of shape (2, 2), not a number"),
        ("shape : d", "gives tuple"),
        ("1 < 2", "gives bool"),
        ("'a' : .2f", "does not fit 'a'"),
    ],
)
def test_a_value_that_is_none_says_why(page, argument, cause):
    fault = only_fault(page(f"a\n[[value {argument}]]"))
    assert fault.startswith(f"topics/sample/page.md:2: [[value {argument}]]: ") and cause in fault


def test_a_value_changes_nothing_in_the_module(page, topic):
    page("[[value (shape := (9, 9))[0]]]")
    assert topic.names["shape"] == (1, 2)


def test_values_are_those_of_numpy_arrays_of_one_number():
    assert value_text("x : .3f", {"x": np.array([[math.pi]])}) == "3.142"
    with pytest.raises(NumberError):
        value_text("x : .3f", {"x": np.array([])})


def test_citations_link_to_the_sources(page):
    html = only_html(page("[[cite dao2022, su2021]]"))
    assert html == (
        '(<a class="cite" id="cite-dao2022-1" href="#ref-dao2022">Dao et al., 2022</a>; '
        '<a class="cite" id="cite-su2021-1" href="#ref-su2021">Su &amp; Lu, 2021</a>)'
    )


def test_a_citation_may_be_part_of_the_sentence(page):
    html = only_html(page("[[citet dao2022 su2021]] show"))
    assert ">Dao et al. (2022)</a> and <a " in html and html.endswith(">Su &amp; Lu (2021)</a>")


def test_each_citation_of_a_source_has_its_own_place(page):
    (first, second), _ = page("[[cite su2021]] [[citet su2021]]")
    assert 'id="cite-su2021-1"' in first and 'id="cite-su2021-2"' in second


def test_an_unknown_source_names_the_nearest(page):
    assert "dao2023 is not in references.bib. Did you mean dao2022?" in only_fault(page("[[cite su2021 dao2023]]"))


def test_a_term_links_to_its_definition_and_shows_its_words(page):
    html = only_html(page("[[term Logit : logits]]"))
    assert html == '<a class="term" href="glossary.html#logit">logits</a>'


def test_an_unknown_term_names_the_nearest(page):
    assert "logits is not in glossary.md. Did you mean logit?" in only_fault(page("[[term logits]]"))


def test_ink_colours_words(page):
    assert only_html(page("[[ink query : the < query]]")) == '<span class="ink-query">the &lt; query</span>'
    assert only_html(page("[[ink key]]")) == '<span class="ink-key">key</span>'


@pytest.mark.parametrize("text", ["[[ink quary : q]]", r"$\ink{quary}{q}$"])
def test_an_unknown_ink_names_the_nearest(page, text):
    assert "quary" in only_fault(page(text)) and "Did you mean query?" in only_fault(page(text))


def test_shown_words_are_plain(page):
    assert "plain words" in only_fault(page("[[ink query : the $q$]]"))


def test_an_unknown_exercise_has_a_suggestion(page):
    assert "is not in topics/sample. There is grow." in only_fault(page("[[exercise shrnk]]"))


def test_an_exercise_is_drawn_where_it_stands(page):
    assert only_html(page("[[exercise grow]]")) == "<div>EXERCISE grow</div>"


def test_inline_mathematics_is_rendered(page):
    assert only_html(page("$x^2$")).startswith('<span class="katex" data-tex="$x^2$">')
    assert "ink-query" in only_html(page(r"$\ink{query}{q}$"))


def test_every_displayed_equation_is_numbered_and_has_its_anchor(page):
    html = only_html(page("$$c$$ {#eq:third}"))
    assert html.startswith('<div class="equation" id="eq-third">') and ">(3)</a></div>" in html
    assert 'id="eq-3"' in only_html(page("$$c$$"))


def test_a_reference_to_an_equation_is_its_number(page):
    (link, _), faults = page("[[eq last]]\n\n$$c$$ {#eq:last}")
    assert link == '<a class="eq" href="#eq-last">equation 3</a>' and not faults


def test_a_reference_to_no_equation_names_the_nearest(page):
    assert "{#eq:byte}. Did you mean bytes?" in only_fault(page("[[eq byte]]"))


def test_a_reference_to_a_demo_is_its_number(page):
    (link, _), faults = page("[[fig growth]]\n\n[[demo growth]]")
    assert link == '<a class="fig" href="#demo-growth">figure 1</a>' and not faults


def test_a_reference_to_a_demo_that_is_not_on_the_page_names_the_nearest(page):
    fault = only_fault(page("[[demo growth]]\n\n[[fig grwth]]"))
    assert fault == "topics/sample/page.md:3: [[fig grwth]]: no [[demo grwth]] stands here. Did you mean growth?"


def test_a_label_stands_once(page):
    assert "topics/sample/page.md:3: " in only_fault(page("a\n\n$$c$$ {#eq:bytes}"))


def test_an_error_of_mathematics_has_its_line(page):
    assert only_fault(page("a\n\n$x$ $\\foo$")).startswith("topics/sample/page.md:3: $\\foo$: Undefined control")


def test_a_value_may_stand_in_mathematics(page):
    assert "131" in only_html(page("$2^{17} = [[value 2**17]]$"))
    assert "topics/sample/page.md:1: $[[value x]]$: [[value x]]: name 'x'" in only_fault(page("$[[value x]]$"))
    assert "can't stand in mathematics" in only_fault(page("$[[term token]]$"))


def test_an_equation_that_code_cites_must_exist(topic, site):
    _, faults = resolve(scan("$$a$$ {#eq:byte}"), topic, site)
    assert [(fault.file, fault.line) for fault in faults] == [("sample_topic.py", n) for n in (11, 18, 18)]
    assert "(eq:bytes) is not the label of an equation in topics/sample/page.md. Did you mean byte?" in faults[0].cause


def test_all_faults_of_a_page_are_found_at_once(page):
    _, faults = page("[[demo a]]\n\n[[value b]] [[cite c]] $\\foo$\n\n[[eq d]]")
    assert len(faults) == 5
