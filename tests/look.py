"""What is asked of a page in a browser, as it came and once it is live: axe, the widths of screens, its ids.

Knows no page.
"""

from tests.conftest import REPOSITORY
from tests.reader import eventually

AXE = (REPOSITORY / "node_modules/axe-core/axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = (320, 768, 1280)

SCHEMES = ("light", "dark")

# A theme changes colours alone. So in the second one axe's rules about colours are asked of one of all elements that
# look alike: of the same colours, their own and behind them, and the same size of type.
ALIKE = """(places) => {
  const seen = new Map();
  const behind = (element) => {
    if (!element) return "";
    if (!seen.has(element)) {
      const { backgroundColor, backgroundImage, opacity } = getComputedStyle(element);
      const own = `${backgroundColor} ${backgroundImage} ${opacity}`;
      seen.set(element, behind(element.parentElement) + (own === "rgba(0, 0, 0, 0) none 1" ? "" : `/${own}`));
    }
    return seen.get(element);
  };
  const looks = new Map();
  for (const element of document.querySelectorAll(places.split(",").map((place) => `${place} *`).join())) {
    const spoken = element.matches("input, textarea, select") ||
      [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!spoken || !element.checkVisibility()) continue;
    const { color, fill, fontSize, fontWeight } = getComputedStyle(element);
    const look = [color, element.closest("svg") && fill, fontSize, fontWeight, behind(element)].join();
    if (!looks.has(look)) looks.set(look, element);
  }
  return [...looks.values()];
}"""

# The words are made in the page: all that axe knows is megabytes, and slow to come over.
RUN_AXE = f"""async ([tags, places, colours]) => {{
  const some = axe.getRules(tags).filter((rule) => rule.tags.includes("cat.color")).map((rule) => rule.ruleId);
  const where = colours ? ({ALIKE})(places) : places;
  const ran = await axe.run(where, {{ runOnly: colours ? some : tags, resultTypes: ["violations"] }});
  const told = ({{ id, nodes }}) => nodes.map((node) => `${{id}}: ${{node.target}} ${{node.failureSummary}}`);
  return [ran.passes.map((rule) => rule.id), ran.violations.flatMap(told)];
}}"""


def violations(page, scheme, places="html"):
    """What axe finds in places of the page and in a theme, in words: rule, element, and what is wrong."""
    page.emulate_media(color_scheme=scheme)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    passed, found = page.evaluate(RUN_AXE, [TAGS, places, scheme != SCHEMES[0]])
    assert found or "color-contrast" in passed, "axe has looked at nothing"
    return found


# ---- ids

TWICE = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  return ids.filter((id, i) => ids.indexOf(id) !== i);
}"""


# ---- widths

# Plotly follows a change of the window after a while: a figure that is as wide as its place has followed.
FITTED = """() => [...document.querySelectorAll(".js-plotly-plot")].filter((plot) => plot.clientWidth)
  .every((plot) => Math.abs(plot.querySelector(".main-svg")?.getAttribute("width") - plot.clientWidth) < 1)"""
WIDER = "document.documentElement.scrollWidth - innerWidth"


def resize(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    eventually(page, lambda: page.evaluate(FITTED))


def too_narrow(page, widths):
    """The widths of screens that the page is wider than: how much."""
    wider = {}
    for width in widths:  # in one test, since figures are drawn anew at each change
        resize(page, width)
        wider[width] = page.evaluate(WIDER)
    return {width: pixels for width, pixels in wider.items() if pixels > 0}
