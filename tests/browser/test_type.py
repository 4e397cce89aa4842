"""The site's own type: small, whole, there at the first paint or not at all, and never a line that moves."""

import html
import re

import pytest

from tests.reader import DESKTOP
from training.fonts import FONTS, OUT

MOST = 60_000  # bytes of all fonts that a page of prose needs
FACES = ('1em "Internals Text"', '700 1em "Internals Text"', 'italic 1em "Internals Text"', '1em "Internals Code"')
ELSEWHERE = set("⌈⌉⌊⌋↩↵∠\n")  # from the reader's own system: the font has none


def test_the_fonts_are_small_and_keep_their_licence():
    assert sum((OUT / f"{name}.woff2").stat().st_size for name in FONTS) <= MOST
    assert "SIL OPEN FONT LICENSE" in (OUT / "OFL.txt").read_text()


def test_every_sign_of_the_prose_is_in_the_font(site_dir):
    """Mathematics has KaTeX's fonts; what stands in listings may come from the system."""
    for path in site_dir.glob("*.html"):
        text = re.sub(r"<(script|style|pre|annotation|math)\b.*?</\1>", "", path.read_text(), flags=re.S)
        text = re.sub(r'<span class="katex-html".*?</span>(?=</span></(?!span))', "", text, flags=re.S)
        text = html.unescape(re.sub(r"<[^>]+>", "", text))
        lacking = {c for c in text if c not in FONTS["text"][2] and c not in ELSEWHERE and c.isprintable()}
        assert lacking <= MATHEMATICS, (path.name, lacking)


MATHEMATICS = set("⊤∏⎧⎨⎩⋅∈⊙∗∝‾⏟⋯∣ˉ\u0304∇ϵ⟺∥")  # KaTeX draws these


@pytest.mark.browser
def test_a_page_is_set_in_its_own_type(browser, server):
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    page.goto(f"{server.url}rope.html")
    page.reload()  # from the cache: there before the first paint
    for face in FACES:
        assert page.evaluate("face => document.fonts.check(face)", face), face
    families = page.evaluate("""() => ["body", "h1", ".control", "figcaption", ".view-figure svg text", "pre code, pre"]
      .map((place) => getComputedStyle(document.querySelector(place)).fontFamily.split(",")[0])""")
    assert families == ['"Internals Text"'] * 5 + ['"Internals Code"']
    context.close()


SHIFTS = """new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shifted = (window.shifted ?? 0) + entry.value;
}).observe({ type: "layout-shift", buffered: true })"""


@pytest.mark.browser
def test_fonts_that_come_late_move_nothing(browser, server):
    """A slow line: the fonts are held back until the page has long been painted."""
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    page.add_init_script(SHIFTS)
    held = []
    page.route(re.compile(r"/static/(text|code)-[\w-]+\.woff2"), lambda route: held.append(route))
    page.goto(f"{server.url}rope.html", wait_until="domcontentloaded")
    page.locator("h1").wait_for()
    page.evaluate("new Promise((go) => requestAnimationFrame(() => setTimeout(go, 500)))")  # the block period is 100 ms
    height = page.evaluate("document.body.scrollHeight")
    assert len(held) == len(FONTS)
    for route in held:
        route.continue_()
    page.evaluate("document.fonts.ready.then(() => new Promise((go) => setTimeout(go, 300)))")
    assert page.evaluate("document.body.scrollHeight") == height
    assert page.evaluate("window.shifted ?? 0") < 0.01
    context.close()
