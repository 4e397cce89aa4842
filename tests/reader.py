"""A reader in a real Chromium whose Python is started once: pages are then visited by soft links, as readers do.

Knows no page. What a test leaves behind in the tab (a theme, a width, a moved control) is undone by `at_rest` and by
the next `visit`, which brings a new body.
"""

import time

DESKTOP = {"width": 1280, "height": 900}
READY = 'html[data-python="ready"]'
# To such a reader Python comes when a control is moved. To others a moved mouse or a scroll is enough, and beside a
# test that asks for no number it would start for nothing.
SAVES_DATA = 'Object.defineProperty(navigator, "connection", { value: { saveData: true } })'
PATIENCE = 60_000  # ms for whatever must come: on a busy machine Python takes ten times as long to start


def watched(page):
    """The page, which remembers every uncaught error and refusal by the content security policy in `problems`."""
    page.problems = problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    return page


def complain(page):
    """Fail for what the page has reported since the last time."""
    problems, page.problems[:] = list(page.problems), []
    assert not problems, f"the page reported: {problems}"


def wake(page):
    """Give a sign of life, and wait until Python is there."""
    page.mouse.move(9, 9)
    page.mouse.move(10, 10)
    page.locator(READY).wait_for(state="attached", timeout=PATIENCE)


def warm_tab(browser, url, **options):
    """A fixture's work: a tab on this page with Python ready, for as long as the fixture lives."""
    context = browser.new_context(**{"viewport": DESKTOP} | options)
    context.set_default_timeout(PATIENCE)
    page = watched(context.new_page())
    page.goto(url)
    wake(page)
    yield page
    context.close()


# From a page with a state in its address the way to the same page is no navigation: so the state goes first.
SOFT = """async (url) => {
  if (location.hash) history.replaceState(null, "", location.pathname);
  await navigation.navigate(url).finished;
  scrollTo(0, 0);
}"""


def visit(page, url):
    """Go to a page by a soft link: a new body, the same Python. A tab that has lost its Python is woken anew."""
    if page.locator(READY).count():
        page.mouse.move(0, 0)  # over nothing that shows itself
        page.evaluate(SOFT, url)
    else:
        page.goto("about:blank")
        page.goto(url)
        wake(page)
    return page


def at_rest(page):
    """As a tab is before its first test: its size, medium, theme and place, nothing stored, no other tab."""
    page.set_viewport_size(DESKTOP)
    page.emulate_media(media="screen", color_scheme="light")
    page.unroute_all()
    for other in page.context.pages[1:]:
        other.close()
    page.evaluate(UNDO)
    complain(page)


UNDO = """() => {
  scrollTo(0, 0);
  localStorage.clear();
  document.documentElement.removeAttribute("style");
  document.documentElement.removeAttribute("data-theme");
}"""


def eventually(page, condition):
    """Wait until a condition holds that no locator can tell; the page's events are heard in between."""
    end = time.monotonic() + PATIENCE / 1000
    while not condition():
        assert time.monotonic() < end, "it did not come to hold"
        page.wait_for_timeout(20)


WATCH = """() => {
  window.restarts = 0;
  const { dataset } = document.documentElement;
  new MutationObserver(() => (restarts += dataset.python === "booting"))
    .observe(document.documentElement, { attributeFilter: ["data-python"] });
}"""


def watch_restarts(page):
    """From here on `restarts` counts: a new start may be over before anybody looks."""
    page.evaluate(WATCH)


def restarts(page):
    """How often Python's state has become "booting" since it is watched: it tells its progress, too."""
    return page.evaluate("restarts")


def is_restarted(page):
    eventually(page, lambda: restarts(page))
    page.locator(READY).wait_for(state="attached", timeout=PATIENCE)


# Figures in the frames of steps are drawn after their demo has said that it has painted.
DRAWN = """(demo) => [...demo.querySelectorAll(".view-figure")].filter((figure) => figure.checkVisibility())
  .every((figure) => figure.querySelector(".js-plotly-plot .main-svg"))"""

GO_LIVE = """async (patience) => {
  const drawn = DRAWN;
  const end = performance.now() + patience;
  const soon = () => new Promise((resolve) => setTimeout(resolve, 5));
  for (const demo of document.querySelectorAll('llm-demo:not([kind="live"])')) {
    demo.scrollIntoView();
    while (!(demo.state === "live" && drawn(demo)) && performance.now() < end) await soon();
  }
  scrollTo(0, 0);
}""".replace("DRAWN", DRAWN)


def go_live(page):
    """Every demo that answers by itself is brought into view, one after the other, and has answered."""
    page.evaluate(GO_LIVE, PATIENCE)
