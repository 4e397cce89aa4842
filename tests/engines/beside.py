"""WebKit beside Chromium, on one machine and in one run, on the site as it was built last:

    python -m tests.engines.beside [page …]

For each page: what an inserted element costs, how long Python takes to start, and how long it takes from then until
every instant demo of the page has answered and is drawn. The page is gone through from top to bottom.
"""

import sys
import time

from playwright.sync_api import sync_playwright

from tests import chromium
from tests.browser.test_pages import TOPICS
from tests.conftest import REPOSITORY, serving
from tests.engines.drivers import browser, screen
from tests.engines.test_engines import COST, run, wake
from tests.reader import READY

# It begins in the page itself, at the moment when Python is ready: a driver comes later, the slower the page.
BEGIN = """
  const all = async () => {
    const start = performance.now(), end = start + 180_000;
    const shown = (demo) => [...demo.querySelectorAll(".view-figure")].filter((figure) => figure.checkVisibility());
    const live = (demo) => demo.state === "live" && shown(demo).every((figure) => figure.querySelector(".main-svg"));
    for (const demo of document.querySelectorAll("llm-demo[kind=instant]")) {
      demo.scrollIntoView();
      while (!live(demo) && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return Math.round(performance.now() - start);
  };
  const begin = () => document.documentElement.dataset.python === "ready" && (window.live ??= all());
  new MutationObserver(begin).observe(document.documentElement, { attributeFilter: ["data-python"] });
"""
ALL_LIVE = "return window.live"


def in_webkit(driver, address):
    driver.get("about:blank")
    driver.get(address)
    cost, start = run(driver, COST), time.time()
    run(driver, BEGIN)
    wake(driver)
    return cost, time.time() - start, run(driver, ALL_LIVE)


def in_chromium(engine, address):
    page = engine.new_context(viewport={"width": 1280, "height": 1000}).new_page()
    page.goto(address)
    cost, start = page.evaluate(f"async () => {{ {COST} }}"), time.time()
    page.evaluate(f"() => {{ {BEGIN} }}")
    page.keyboard.press("Shift")
    page.locator(READY).wait_for(state="attached", timeout=180_000)
    started = time.time() - start
    live = page.evaluate(f"async () => {{ {ALL_LIVE} }}")
    page.context.close()
    return cost, started, live


def main(pages):
    print("WebKit / Chromium        an element, ms   Python starts, s   demos live, ms   ratio")
    with serving(REPOSITORY / "site") as server, screen(), browser("webkit") as driver, sync_playwright() as playwright:
        engine = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGUMENTS)
        for name in pages:
            ours, theirs = (f(e, f"{server.url}{name}.html") for f, e in ((in_webkit, driver), (in_chromium, engine)))
            cells = zip(ours, theirs, ("6.1f", "6.1f", "6,d"), strict=True)
            row = "   ".join(f"{a:{form}} / {b:{form}}" for a, b, form in cells)
            print(f"{name:22} {row}   {ours[2] / theirs[2]:5.1f}", flush=True)
        engine.close()


if __name__ == "__main__":
    main(sys.argv[1:] or TOPICS)
