"""The scanner takes out what it should, leaves what it should, and knows where each thing stood."""

import random

import pytest

from builder.read.scan import scan


def found(text):
    return [(c.kind, c.argument) for c in scan(text).constructs]


def causes(text):
    return [cause for _, cause in scan(text).problems]


def source(construct):
    return construct.source


PIECES = [
    "[[",
    "]]",
    "[",
    "]",
    "$",
    "$$",
    "`",
    "``",
    "```",
    "~~~",
    "\n",
    "\n\n",
    "\\",
    " ",
    "demo",
    "[[value ",
    "a",
    "5",
]
PIECES += ["zq", "zq0x", "{#eq:a}", "'", '"', "é", "|", "*", "[[ink query : ", "/// saw", "\t", "<!--", "-->", " : .1f"]


@pytest.mark.parametrize("seed", range(300))
def test_random_text_never_loses_a_character(seed):
    chance = random.Random(seed)
    text = "".join(chance.choices(PIECES, k=chance.randrange(60)))
    scanned = scan(text)
    assert scanned.put_back(scanned.text, source) == text
    for c in scanned.constructs:
        assert c.token.isalnum() and c.token not in text and scanned.text.count(c.token) == 1
        assert c.source.split("\n")[0] in text.split("\n")[c.line - 1]


@pytest.mark.parametrize("seed", range(100))
def test_random_text_keeps_the_line_of_every_position(seed):
    chance = random.Random(seed)
    lines = [f"here{n} " + "".join(chance.choices(PIECES, k=4)).replace("\n", "") for n in range(12)]
    scanned = scan("\n".join(lines), first_line=7)
    for n in range(12):
        at = scanned.text.find(f"here{n} ")
        assert at < 0 or scanned.line_of(at) == 7 + n  # below 0: it is inside a construct


def test_brackets_balance_inside_a_construct():
    assert found("[[value x[0][1] : .2f]] and [[value y[z[1]]]]") == [("value", "x[0][1] : .2f"), ("value", "y[z[1]]")]


def test_a_bracket_in_a_string_does_not_count():
    assert found("""[[value names["]"] : d]]""") == [("value", 'names["]"] : d')]


def test_an_apostrophe_in_shown_words_is_no_string():
    assert found("[[ink query : one's]] [[ink key : two's]]") == [("ink", "query : one's"), ("ink", "key : two's")]


@pytest.mark.parametrize("text", ["[[value x[0]", "[[value x]", "[[demo a\n\nb]]", "[[value x[0]]"])
def test_unbalanced_brackets_are_a_problem_and_stay_text(text):
    assert scan(text).text == text
    assert "is not closed by ]]" in causes(text)[0]


def test_an_unknown_kind_names_the_nearest():
    assert "Did you mean demo?" in causes("[[dmeo x]]")[0]
    assert found("[[dmeo x]]") == []


def test_a_construct_without_an_argument_is_a_problem():
    assert "[[demo name]]" in causes("[[demo]]")[0]


@pytest.mark.parametrize("text", ["[[1, 2], [3, 4]]", r"\[[demo x]]", "[[ 1 ]]", "[[Dao](https://x.y)]"])
def test_brackets_that_are_no_construct_stay(text):
    assert scan(text).text == text and not causes(text)


@pytest.mark.parametrize("kind", ["demo", "code", "exercise", "value", "cite", "term", "ink", "eq"])
def test_every_kind_is_taken(kind):
    assert found(f"[[{kind}  some thing ]]") == [(kind, "some thing")]


def test_citations_are_separated_by_spaces_or_commas():
    (c,) = scan("[[cite dao2022, su2021 ainslie2023]]").constructs
    assert c.keys == ["dao2022", "su2021", "ainslie2023"]


def test_two_constructs_in_a_line_are_two():
    assert found("[[value 1]][[value 2]] $a$$b$") == [("value", "1"), ("value", "2"), ("math", "a"), ("math", "b")]


def test_a_construct_may_span_lines_and_remembers_its_first():
    scanned = scan("one\n[[value f(1,\n   2) : d]]\n[[eq a]]", first_line=10)
    assert [(c.argument, c.line) for c in scanned.constructs] == [("f(1, 2) : d", 11), ("a", 13)]


def test_windows_line_ends_count_once():
    scanned = scan("a\r\n\r\n[[demo x]]\r\n", first_line=3)
    assert scanned.constructs[0].line == 5 and "\r" not in scanned.text


@pytest.mark.parametrize("text", ["$5 and $6", "cost is $5", r"\$x$", "$ x$ y", "US$", "$20,000 and$30,000", "$"])
def test_dollars_that_are_money_stay(text):
    assert found(text) == [] and scan(text).text == text and causes(text) == []


@pytest.mark.parametrize(
    "text, tex",
    [
        ("$x$", "x"),
        ("$[0,1](x)$", "[0,1](x)"),
        ("$2*L*H$", "2*L*H"),
        (r"$\$5$", r"\$5"),
        ("a$x$b", "x"),
        ("$a\nb$", "a\nb"),
    ],
)
def test_inline_mathematics_is_taken_whole(text, tex):
    assert found(text) == [("math", tex)]


@pytest.mark.parametrize("text", ["$x $", "$x$5", "$x\n\ny$", "open $x = 3"])
def test_mathematics_that_pandoc_refuses_is_a_problem(text):
    assert found(text) == [] and "closes nowhere" in causes(text)[0]


def test_displayed_mathematics_spans_lines_and_has_a_label():
    (c,) = scan("text\n\n$$\na \\\\\nb\n$$ {#eq:bytes}\n").constructs
    assert (c.kind, c.argument, c.display, c.label, c.line) == ("math", "a \\\\\nb", True, "bytes", 3)


@pytest.mark.parametrize("text", ["$$x = 1", "$$x\n\ny$$", "a $$\n"])
def test_unclosed_displayed_mathematics_is_a_problem(text):
    assert "$$ is not closed" in causes(text)[0]


def test_a_misspelt_label_is_a_problem():
    assert "{#eq:name}" in causes("$$x$$ {#bytes}")[0]


@pytest.mark.parametrize("text", ["see [[demo x]]", "$$x$$.", "| [[code f]] |", "# [[demo x]]"])
def test_a_block_inside_a_line_is_a_problem(text):
    assert "a line of its own" in causes(text)[0]


@pytest.mark.parametrize(
    "text", ["[[demo x]]", "  $$x$$ {#eq:a}  ", "- [[demo x]]", "> [[code f]]", "a\n[[demo x]]\nb"]
)
def test_a_block_alone_in_its_line_is_none(text):
    assert causes(text) == []


@pytest.mark.parametrize("span", ["`[[demo x]]`", "``a ` [[demo x]]``", "`$x$`", "`a\nb $x$`"])
def test_code_spans_hide_what_they_hold(span):
    assert [kind for kind, _ in found(span)] == ["span"]


def test_backticks_without_partner_stay_and_hide_nothing():
    assert found("a `` b ` [[eq x]]") == [("eq", "x")]


def test_a_code_span_closes_with_as_many_backticks():
    assert found("`a `` [[eq x]] b`") == [("span", "a `` [[eq x]] b")]


def test_a_code_span_ends_with_its_paragraph():
    assert found("a ` b\n\n[[eq x]] ` c") == [("eq", "x")]


@pytest.mark.parametrize("fence", ["```", "~~~", "`````", "   ```", "```python", "    ~~~ text"])
def test_fences_hide_what_they_hold(fence):
    mark = fence.strip().split("p")[0].split(" ")[0]
    text = f"{fence}\n[[demo x]] $x$\n{mark}\n[[eq x]]"
    assert [kind for kind, _ in found(text)] == ["fence", "eq"]


def test_a_longer_fence_holds_a_shorter_one():
    (c,) = scan("````md\n```\n[[demo x]]\n```\n````").constructs
    assert (c.label, c.argument) == ("md", "```\n[[demo x]]\n```\n")


def test_a_tilde_fence_is_not_closed_by_backticks():
    assert found("~~~\n```\n~~~\n[[eq x]]") == [("fence", "```\n"), ("eq", "x")]


def test_an_indented_fence_loses_its_own_indentation_only():
    assert found("    ```\n    a\n      b\n    ```") == [("fence", "a\n  b\n")]


def test_an_unclosed_fence_is_a_problem_and_runs_to_the_end():
    assert causes("```\n[[dmeo]]\n") == ["the fence ``` is not closed"]


def test_comments_hide_what_they_hold():
    assert found("<!-- [[demo x]] $y$ --> [[eq a]]") == [("comment", "<!-- [[demo x]] $y$ -->"), ("eq", "a")]


def test_a_token_occurs_nowhere_in_the_text():
    assert scan("zq0x zqq [[eq a]]").text == "zq0x zqq zqqq0x"
