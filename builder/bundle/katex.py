"""Leaves of KaTeX's style, three fifths of which no page needs, what the equations of the pages need. Knows no page."""

import re

RULE = re.compile(r"[^{}]+\{[^{}]*\}")
CLASS = re.compile(r"\.([A-Za-z][\w-]*)")
FACE = re.compile(r"@font-face\{[^{}]*font-family:(KaTeX_\w+);[^{}]*\}")
NOT = re.compile(r":not\([^)]*\)")
EMPTY = re.compile(r",url\(\) format\([^)]*\)")  # sources that were not bundled


def classes_of(html):
    """All classes of elements in an HTML text."""
    return {name for value in set(re.findall(r'class="([^"]*)"', html)) for name in value.split()}


def needed(css, katex, used):
    """The style without what is KaTeX's alone and for classes that nothing has, and without fonts that it then lacks.

    css    a style, minified, that holds KaTeX's
    katex  KaTeX's own
    used   the classes of all pages

    >>> needed(".katex .a,.katex .b{x:y}.katex .b{z:0}.a:not(.b){w:1}", ".katex .a,.katex .b", {"katex", "a"})
    '.katex .a{x:y}.a:not(.b){w:1}'
    """
    own = set(CLASS.findall(katex))

    def idle(selector):
        names = set(CLASS.findall(NOT.sub("", selector)))
        return "katex" in names and names <= own and not names <= used

    def left(rule):
        selectors, brace, rest = rule[0].partition("{")
        kept = [selector for selector in selectors.split(",") if not idle(selector)]
        return ",".join(kept) + brace + rest if kept else ""

    css = EMPTY.sub("", RULE.sub(left, css))
    asked = set(re.findall(r"\bKaTeX_\w+", FACE.sub("", css)))
    return FACE.sub(lambda face: face[0] if face[1] in asked else "", css)
