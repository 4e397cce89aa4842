"""Markdown becomes HTML with every construct in its place, and every fault of the text is found."""

import random
import re
import time
from pathlib import Path

import pytest

from builder.page.asked import version
from builder.page.prose import INKED, LITERAL, render_prose
from builder.read.scan import scan


def prose(text, first_line=1, **html_by_kind):
    scanned = scan(text, first_line)
    shown = {c.token: html_by_kind.get(c.kind, f"<i>{c.kind}</i>") for c in scanned.constructs}
    literal = {c.token for c in scanned.constructs if c.kind in LITERAL}
    return render_prose(scanned, {token: html for token, html in shown.items() if token not in literal})


def html(text, **html_by_kind):
    return prose(text, **html_by_kind).html.replace("\n", "")


def causes(text):
    return [cause for _, cause in prose(text).problems]


def test_a_block_is_not_wrapped_in_a_paragraph():
    assert html("[[demo x]]", demo="<div>D</div>") == "<div>D</div>"


def test_a_block_ends_the_paragraph_around_it():
    assert html("a\n[[demo x]]\nb", demo="<div>D</div>") == "<p>a</p><div>D</div><p>b</p>"


def test_an_inline_construct_alone_keeps_its_paragraph():
    assert html("[[value x]]", value="<b>1</b>") == "<p><b>1</b></p>"


@pytest.mark.parametrize(
    "text, expected",
    [
        ("*see $x$ now*", "<em>see <i>math</i> now</em>"),
        ("**[[value x]]**", "<strong><i>value</i></strong>"),
        ("pre[[value x]]fix2", "pre<i>value</i>fix2"),
        ("[at [[value x]]](https://a.b)", ">at <i>value</i></a>"),
        ("| a | b |\n|---|---|\n| 1 | $|x|$ |", "<td><i>math</i></td>"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", '<tr><th scope="row">1</th><td>2</td></tr>'),
        ("- one $x$\n- two", "<li>one <i>math</i></li>"),
        ("> [[value x]]", "<blockquote><p><i>value</i></p></blockquote>"),
        ("/// question | Why $x$ now?\na\n///", '<p class="ask">Why <i>math</i> now?</p>'),
        ("- [[demo x]]", "<li><i>demo</i></li>"),
        ("1. a\n\n    [[demo x]]\n\n2. b", "<li><p>a</p><i>demo</i></li>"),
        ("5 $^*$ and 6 $^*$", "5 <i>math</i> and 6 <i>math</i>"),
    ],
)
def test_a_construct_survives_where_markdown_is_busy(text, expected):
    page = prose(text)
    assert expected in page.html.replace("\n", "") and page.problems == ()


@pytest.mark.parametrize("text", ["2*L*H and 3*x*y", "x_i and y_i", r"costs \$5", "$5 and $6"])
def test_ordinary_writing_is_not_mangled(text):
    assert html(text) == f"<p>{text}</p>".replace("\\", "")


@pytest.mark.parametrize("seed", range(100))
def test_no_construct_is_lost_or_doubled_in_random_prose(seed):
    chance = random.Random(seed)
    words = [
        "*",
        "**",
        "_",
        "word",
        "$x$",
        "[[value x]]",
        "(",
        ")",
        "2",
        "-",
        "&",
        "<",
        ">",
        "[",
        "]",
        "\n",
        "`c`",
        "!",
    ]
    page = prose(" ".join(chance.choices(words, k=30)), math="MATH", value="VALUE")
    unplaced = [cause for _, cause in page.problems if "can't stand here" in cause]
    assert "zq" not in page.html and not unplaced


def test_code_spans_and_fences_are_shown_as_they_are():
    assert html("`a < [[b]]`") == "<p><code>a &lt; [[b]]</code></p>"
    assert '<code class="language-python"><span class="k">def</span>' in html("```python\ndef f(): pass\n```")


def test_no_line_breaks_between_a_number_and_its_percent():
    assert html("90 % and [[value x]] % of `1 %` % 5") == (
        "<p>90\u00a0% and <i>value</i>\u00a0% of <code>1 %</code>\u00a0% 5</p>"
    )


def test_only_what_has_an_ink_is_marked_in_code():
    assert html("```python\nx = 1  # one\n```").endswith(
        'x = <span class="mi">1</span>  <span class="c1"># one</span></code></pre></div>'
    )
    styles = (Path(__file__).parents[2] / "templates/static/css/code.css").read_text()
    assert sorted(re.findall(r"\.highlight \.(\w+)", styles)) == sorted(INKED.split())


def test_an_unknown_language_is_a_problem_at_its_line():
    assert prose("a\n\n```pyhton\nx\n```").problems == (
        (3, "Pygments knows no language 'pyhton'. Did you mean python?"),
    )


def test_a_heading_has_an_id_without_tokens_and_an_entry_without_links():
    page = prose("## Why `H_kv` and [[term logit]]s\n\n### Below\n", term='<a href="g">logit</a>')
    assert 'id="why-h_kv-and-logits"' in page.html
    assert page.headings[0].html == "Why <code>H_kv</code> and logits"
    assert page.toc.startswith('<ol><li><a href="#why-h_kv-and-logits">Why') and "<ol><li>" in page.toc[4:]


def test_two_equal_headings_have_different_ids():
    assert [heading.id for heading in prose("## A\n\n## A\n").headings] == ["a", "a_1"]


def test_a_first_level_heading_is_a_problem():
    assert prose("a\n\n# Title", first_line=5).problems[0][0] == 7


def test_links_to_topics_become_pages_and_are_gathered_with_their_lines():
    page = prose("a\n\n[r](rope.md) [r](rope.md#why)\n\n[g][g]\n\n[g]: gqa.md", first_line=10)
    assert 'href="rope.html"' in page.html and 'href="rope.html#why"' in page.html and 'href="gqa.html"' in page.html
    assert page.links[:2] == (("rope", 12), ("rope", 12)) and page.links[2][0] == "gqa"
    assert page.anchors == (("rope", "why", 12),)


def test_links_that_leave_the_site_carry_noopener():
    assert 'href="https://a.b" rel="noopener"' in html("[x](https://a.b)")


@pytest.mark.parametrize("text", ["[x](#nowhere)", "[x](../rope.md)", "[x](rope.html)"])
def test_a_link_to_nothing_is_a_problem(text):
    assert causes(text)


def test_a_link_to_a_place_on_this_page_is_none():
    assert causes("## Here\n\n[x](#here)") == []


def test_an_id_stands_once():
    page = prose("a\n\n## Sources\n\n### B {#eq-1}\n\n$$x$$", math='<div id="eq-1"></div>', first_line=4)
    assert [line for line, _ in page.problems] == [6, 8]
    assert "the id sources stands on this page 2 times" in page.problems[0][1]


def test_the_ids_of_a_page_are_known():
    assert prose("## One\n\n[[demo x]]", demo='<b id="demo-x"></b><b data-id="no"></b>').ids == {"one", "demo-x"}


def test_punctuation_stays_with_its_formula():
    assert html("see ($x$, and $y$ too") == '<p>see <span class="together">(<i>math</i>,</span> and <i>math</i> too</p>'
    assert "together" not in html("[[value x]], `c`.")


def test_the_links_of_headings_have_a_name():
    assert '<a class="anchor" href="#a" aria-hidden="true" tabindex="-1">#</a>' in html("## A")


def test_an_image_needs_a_text():
    assert prose("a\n\n![](x.png)").problems[0] == (3, "an image has no text: write ![what it shows](file)")
    assert causes('<img src="x.png">')


def test_mathematics_in_an_images_text_is_plain_there():
    assert 'alt="curve of a &amp; b"' in html("![curve of $a & b$](x.png)", math="<b>M</b>")


def test_a_construct_that_markdown_drops_is_a_problem():
    assert prose("a\n\n[x]: http://a.b '$x$'").problems[0][0] == 3


def test_words_are_those_of_the_prose():
    assert prose("## One two\n\nthree *four* [five](x.md) `code` $x$ [[value y]] don't 7\n\n```\nno\n```").words == 7


def test_predict_hides_the_answer_and_shows_the_guesses_before_it():
    page = html("/// predict | What of $x$?\nThey fall by {8, 2, not at all}.\n///")
    guesses = '<ul class="guesses"><li>2</li><li data-right="">8</li><li>Not at all</li></ul>'
    assert guesses + "<details>" in page and "<predict-block" in page
    assert "<p>They fall by <strong>8</strong>.</p></details></predict-block>" in page


def test_guesses_may_be_constructs_and_predict_may_have_none():
    assert '<li>1,024</li><li data-right="">$5</li>' in html("/// predict | q?\n{$5, 1,024, none}\n///")
    page = prose("/// predict | q?\n\nIt is {[[value x]], 2}\n///")
    assert '<li>2</li><li data-right=""><i>value</i></li>' in page.html and page.problems == ()
    assert "guesses" not in html("/// predict | q?\nYes {.cls} and {one}.\n///")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("| heads $H_{kv}$ | b |\n|---|---|\n| 1 | 2 |", '<th aria-label="heads H kv">heads <i>math</i></th>'),
        ("/// saw\n*b*\n///", '<div aria-label="What you saw" class="saw" role="group">'),
        (
            "/// question | q?\na\n///",
            f'<div id="question-{version("q?")}" class="question"><p class="ask">q?</p><details>'
            "<summary>Show the answer</summary><p>a</p>"
            "</details></div>",
        ),
        (
            "/// note | Why?\n*b*\n///",
            "<summary><span>Why?</span></summary><p><em>b</em></p></details>",
        ),
        ("/// misconception | It *is*\nNo.\n///", "<s>It <em>is</em></s></p><p>No.</p></div>"),
        ("/// real | In real models\nx\n///", '<section class="real"><h2 id="in-real-models">'),
        ("//// saw\n\n/// question | q\na\n///\n\n////", "<p>a</p></details></div></div>"),
        ("/// saw\n[[demo x]]\n///", "<i>demo</i></div>"),
        ("- a\n\n    /// saw\n    b\n    ///\n", "<p>b</p></div></li>"),
    ],
)
def test_each_block_becomes_its_element(text, expected):
    assert expected in html(text) and causes(text) == []


@pytest.mark.parametrize(
    "text, line, cause",
    [
        ("a\n\n/// predct | x\ny\n///", 3, "Did you mean predict?"),
        ("/// saw\nx", 1, "is not closed"),
        ("x\n///", 2, "closes no block"),
        ("/// predict\nx\n///", 1, "needs a title"),
        ("/// saw | x\nx\n///", 1, "takes no title"),
        ("/// predict: x\nx\n///", 1, "/// name | title"),
        ("/// saw\n\n/// question | q\na\n///\n///", 3, "which is not closed yet"),
        ("$$\na\n$$\n\n/// swa\nx\n///", 5, "Did you mean saw?"),
    ],
)
def test_a_broken_block_is_a_problem_at_its_line(text, line, cause):
    problems = prose(text).problems
    assert problems[0][0] == line and cause in problems[0][1]


def test_blocks_are_counted_by_name():
    assert prose("/// saw\nx\n///\n\n/// saw\ny\n///").blocks == {"saw": 2}


def test_what_the_scanner_found_is_among_the_problems():
    assert prose("x\n\n[[dmeo y]]").problems[0][0] == 3


# ---- what other Markdown has


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Words:\n\n- a\n- b", "<p>Words:</p><ul><li>a</li><li>b</li></ul>"),
        ("## Words\n1. a\n2. b", "</h2><ol><li>a</li><li>b</li></ol>"),
        ("a | b\n---|---\n1 | 2\n\nEnd", '<th scope="row">1</th><td>2</td></tr></tbody></table><p>End</p>'),
        ("- a\n    - b\n        - c", "<ul><li>a<ul><li>b<ul><li>c</li></ul></li></ul></li></ul>"),
        ("1. a\n    - b", "<ol><li>a<ul><li>b</li></ul></li></ol>"),
        ("- a\n\n    b", "<ul><li><p>a</p><p>b</p></li></ul>"),
        ("- a\n  b\n\n    [[demo x]]\n- c", "<li><p>a  b</p><i>demo</i></li><li><p>c</p></li>"),
        ("3. a\n4. b", '<ol start="3">'),
        ("~~a~~", "<del>a</del>"),
        ("x<y and z>w, <unk> of <s> </s>", "x&lt;y and z&gt;w, &lt;unk&gt; of &lt;s&gt; &lt;/s&gt;"),
        ("a\\\nb", "a<br />b"),
        ("<https://a.b>", '<a href="https://a.b" rel="noopener">https://a.b</a>'),
        ("a <!-- [[dmeo x]] --> b\n\n<!-- not\n\nshown -->\n\nc", "<p>a  b</p><p>c</p>"),
        (r"\<div> &lt;div&gt; \*\*a\*\* \[a](b c)", "<p>&lt;div&gt; &lt;div&gt; **a** [a](b c)</p>"),
        ("`<div> ~~ [^1]` and $[^1]<b>$", "<code>&lt;div&gt; ~~ [^1]</code> and <i>math</i>"),
        (
            "- a\n\n    | a | b |\n    |---|---|\n    | 1 | 2 |",
            '<th scope="row">1</th><td>2</td></tr></tbody></table></li>',
        ),
        ("[https://a.b](https://a.b)", ">https://a.b</a>"),
        ("> a\n>\n> - b", "<blockquote><p>a</p><ul><li>b</li></ul></blockquote>"),
    ],
)
def test_what_authors_know_from_elsewhere_works(text, expected):
    page = prose(text)
    assert expected in page.html.replace("\n", "") and page.problems == ()


@pytest.mark.parametrize(
    "text, line, cause",
    [
        ("a\n\nx[^1]\n\n[^1]: A note.", 3, "no footnotes"),
        ("a\n\nx[^1]\n\n[^1]: note", 3, "no footnotes"),
        ("a\n\n- [ ] b", 3, "no task lists"),
        ("- b\n- [x] c", 2, "no task lists"),
        ("a\n- b\n- c", 2, "a list, and one of another kind, needs an empty line above it"),
        ("> a\n> 1. b", 2, "needs an empty line"),
        ("1. a\n- b", 2, "needs an empty line"),
        ("- a\n\n    b\n    1. c", 4, "needs an empty line"),
        ("a\n\nb\n| c | d |\n|---|---|\n| 1 | 2 |", 4, "an empty line above it"),
        ("- a\n  - b", 2, "by four spaces"),
        ("1. a\n\n   - b", 3, "by four spaces"),
        ("- a\n\n  b", 3, "by four spaces"),
        ("- a\n  [[demo x]]", 2, "by four spaces"),
        ("> - a\n>   - b", 2, "by four spaces"),
        ("- a\n## B", 2, "what follows a list needs an empty line"),
        ("- a\n> b", 2, "what follows a list needs an empty line"),
        ("1) a", 1, "are written 1. or -"),
        ("B\n---\n", 2, "a heading is written ##"),
        (" ## B", 1, "begins at the margin"),
        ("## ", 1, "a heading has words"),
        ("[](#a) {#a}", 1, "this link has no words"),
        ("a\n</main>", 2, "</main>: raw HTML"),
        ("a\n\n<div>\n\nb", 3, "<div>: raw HTML"),
        ("| a |\n|---|\n| <br> |", 3, "<br>: raw HTML"),
        ("/// question | <b>Why</b>\na\n///", 1, "<b>: raw HTML"),
        ('<img src="x.png">', 1, "raw HTML"),
        ("a\n<!-- b", 2, "comment is not closed"),
        ("a\n~~b", 2, "~~ closes nowhere"),
        ("a\n**b", 2, "** closes nowhere"),
        ("a *b c", 1, "* closes nowhere"),
        ("def f(**kw)", 1, "** closes nowhere"),
        ("a\n2. b", 2, "needs an empty line above it"),
        ("| a | b |\n|---|\n| 1 | 2 |", 1, "no table"),
        ("a\n\n| a | b |\n|---|---|\n| 1 |", 5, "this row has 1 cells, the head of its table 2"),
        ("| a | b |\n|---|---|\n| 1 | 2 |\nwords", 4, "this row has 1 cells"),
        ("| a |\n|---|\n| 1 | 2 |", 3, "this row has 2 cells, the head of its table 1"),
        ("a\n\n    code", 3, "indented by four"),
        ("- a\n\n      code", 3, "indented by four"),
        ("term\n: what it is", 2, "no definition lists"),
        ("a\n\n[x] (http://a)", 3, "no link"),
        ("[x](a b)", 1, "another topic is written"),
        ("[x][nope]", 1, "no link"),
        ("a\n\n[note]: see", 3, "no link uses this definition"),
        ("[a][b]\n\n[b]: c.md\n[b]: d.md", 4, "is defined twice"),
        ("#Heading", 1, "a space after them"),
        ("!!! note\n", 1, "/// name | title"),
        ("> [!NOTE]\n> x", 1, "/// name | title"),
        ("==a==", 1, "marks nothing"),
        ("See https://a.b/c.", 1, "no link"),
        ("H~2~O", 1, "is mathematics"),
        ("x^2^", 1, "is mathematics"),
        ("a {.cls}", 1, "classes are not given"),
        ("*[HTML]: a", 1, "abbreviations"),
        ("> " * 30 + "a", 1, "more than 20 deep"),
        ("- " * 30 + "a", 1, "more than 20 deep"),
        ("*a*{b}\n{c}, **d** {.e}", 2, "classes are not given"),
        ("a\n\n" + "[" * 20_000, 3, "this paragraph has 20,000 characters"),
        ("a\n\n![x](y.png)", 3, "y.png: a picture stands on the page of a topic"),
    ],
)
def test_what_would_stand_as_it_was_typed_is_a_fault_at_its_line(text, line, cause):
    assert any(at == line and cause in what for at, what in prose(text).problems), prose(text).problems


@pytest.mark.parametrize(
    "text",
    [
        "array\\[i]\\[j]",
        "|x| is absolute",
        "A [b] c",
        "2 ** 3",
        "a_b and c_d",
        "a: b",
        "2 * 3",
        "2*L*H",
        "5 ~ 6",
        "#1 of 3",
        "x == y",
        "## C#\n\n## The set {a}",
        "*a*{b}\n{c=d}",
        "a\n+5 and\n-3",
    ],
)
def test_what_is_only_like_it_is_none(text):
    assert causes(text) == []


OPENING = "[ < ` $ * >_ -_ a| ![ <!-- [[value_ {a,_ & ~~a **a_ /// %///_saw% ((("


@pytest.mark.parametrize("mark", OPENING.split())
def test_what_opens_and_never_closes_takes_no_time(mark):
    began = time.process_time()
    prose(mark.replace("_", " ").replace("%", "\n") * 3000)
    assert time.process_time() - began < 3
