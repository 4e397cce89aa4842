"""Numbers a page's equations and renders its mathematics in one call of Node. Knows KaTeX only as `ask`.

A [[value …]] may stand in mathematics: $2 \\cdot 3 = [[value 2 * 3]]$.
"""

import re
from html import escape

from builder import node
from builder.faults import did_you_mean
from builder.read.scan import scan
from topics.kit.page.traces import INKS


def number_equations(constructs):
    """({label: number}, {token: number}, [(construct, cause)]): every displayed equation has a number."""
    labels, numbers, problems = {}, {}, []
    displayed = (c for c in constructs if c.kind == "math" and c.display)
    for number, construct in enumerate(displayed, 1):
        numbers[construct.token] = number
        if construct.label in labels:
            problems.append((construct, f": the label eq:{construct.label} stands twice"))
        elif construct.label:
            labels[construct.label] = number
    return labels, numbers, problems


def render_mathematics(constructs, numbers, value_of, begin=lambda construct: None):
    """({token: html}, [(construct, cause)]) of all mathematics among the constructs.

    value_of   text of a [[value …]] construct; raises ValueError with a cause
    begin      called before each formula whose values are computed
    """
    found = [c for c in constructs if c.kind == "math"]
    problems, requests = [], []
    for construct in found:
        if "[[" in construct.argument:
            begin(construct)
        tex, causes = filled(construct.argument, value_of)
        problems += [(construct, cause) for cause in (*causes, *ink_causes(tex))]
        requests.append({"do": "math", "tex": tex, "display": construct.display})
    html_of = {}
    for construct, answer in zip(found, node.ask(requests), strict=True):
        if "error" in answer:
            problems.append((construct, _cause(answer["error"])))
        else:
            html_of[construct.token] = _placed(construct, answer["html"], numbers)
    return html_of, problems


def filled(tex, value_of):
    """TeX with its values in place, and what was wrong with them."""
    if "[[" not in tex:
        return tex, []
    inner, causes = scan(tex), []

    def text(construct):
        if construct.kind != "value":
            causes.append(f"{construct.source} can't stand in mathematics; [[value …]] can")
            return ""
        try:
            return value_of(construct).replace("−", "-").replace(",", "{,}").replace("%", r"\%")
        except ValueError as error:
            causes.append(f"{construct.source}: {error}")
            return ""

    return inner.put_back(inner.text, text), causes


def ink_causes(tex):
    for name in re.findall(r"\\ink\s*\{([^{}]*)\}", tex):
        if name not in INKS:
            yield f"\\ink{{{name}}} is not an idea colour.{did_you_mean(name, INKS)}"


def _cause(error):
    """KaTeX's message without the marks that it sets under letters."""
    return error.replace("\u0332", "").removeprefix("KaTeX parse error: ")


def _placed(construct, html, numbers):
    if not construct.display:
        return html
    number = numbers[construct.token]
    anchor = escape(f"eq-{construct.label or number}")
    link = f'<a class="equation-number" href="#{anchor}" aria-label="Equation {number}">({number})</a>'
    return f'<div class="equation" id="{anchor}">{html}{link}</div>'
