"""Time until numpy answers in a reader's browser: our pack beside Pyodide as its manual shows it.

Run as `python -m bench.startup [--pairs 5] [--mbit 10]`. Each measurement is a fresh reader with an empty cache; the
two sides alternate, so that a machine that slows down slows both. Take the ratio seriously, the times lightly.
"""

import argparse
import json
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from playwright.sync_api import sync_playwright

from bench.server import serve
from builder.runtime import build_pack, fetch_wheel, read_pins
from tests import chromium

REPOSITORY = Path(__file__).resolve().parent.parent
CACHE = REPOSITORY / ".cache"
NODE_MODULES = REPOSITORY / "node_modules"
TARGET = 0.5  # of the stock page's time, on loopback
SIDES = ("stock", "pack")
say = partial(print, file=sys.stderr)  # standard output is for the result


def measure(pairs=5, mbit=None):
    """Milliseconds from navigation to the first numbers from numpy, for both sides.

    mbit     megabits per second of the connection; None is loopback as it is
    returns  {"mbit", "pairs": [{"stock": ms, "pack": ms}], "stock": median, "pack": median, "ratio", "target"}
    """
    pack = build_pack(CACHE, NODE_MODULES, say)
    config = {"stock": {}, "pack": {"files": pack.files}}
    with stock() as directory, sync_playwright() as playwright:
        routes = {"/pages/": REPOSITORY / "bench/pages", "/js/": REPOSITORY / "templates/static/js",
                  "/pack/": pack.directory, "/stock/": directory}  # fmt: skip
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGUMENTS)
        with serve(routes) as base:  # unmeasured: files are compressed once, the browser is awake
            for side in SIDES:
                first_numbers(browser, base, side, config[side])
        with serve(routes, mbit) as base:
            rows = []
            for i in range(pairs):
                order = SIDES if i % 2 == 0 else SIDES[::-1]
                row = {side: first_numbers(browser, base, side, config[side]) for side in order}
                rows.append({side: row[side] for side in SIDES})
        browser.close()
    medians = {side: median(row[side] for row in rows) for side in SIDES}
    ratio = round(medians["pack"] / medians["stock"], 3)
    return {"mbit": mbit, "pairs": rows, **medians, "ratio": ratio, "target": TARGET}


@contextmanager
def stock():
    """The files of npm's pyodide with the official wheel beside them, as they are."""
    with TemporaryDirectory() as work:
        wheel = fetch_wheel(read_pins(), CACHE / "downloads", say)
        for path in [*(NODE_MODULES / "pyodide").iterdir(), wheel]:
            (Path(work) / path.name).symlink_to(path.resolve())
        yield work


def first_numbers(browser, base, side, config):
    """Open the page as a new reader; milliseconds until the worker has sent numbers."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{base}/pages/index.html?{urlencode({'worker': f'{side}.js', 'config': json.dumps(config)})}")
    page.locator("output[data-done]").wait_for(state="attached", timeout=120_000)
    answer = json.loads(page.locator("output").text_content())
    context.close()
    if "error" in answer:
        raise RuntimeError(f"bench/pages/{side}.js: {answer['error']}")
    return answer["ms"]


def describe(result):
    """The result as lines of text."""
    speed = f"{result['mbit']} Mbit/s" if result["mbit"] else "loopback"
    rows = [f"  stock {row['stock']:6.0f} ms   pack {row['pack']:6.0f} ms" for row in result["pairs"]]
    total = f"  median {result['stock']:5.0f} ms        {result['pack']:6.0f} ms   ratio {result['ratio']:.2f}"
    return "\n".join([f"Until numpy answers, {speed}:", *rows, total])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--mbit", type=float)
    options = parser.parse_args()
    result = measure(options.pairs, options.mbit)
    print(json.dumps(result))
    print(describe(result))
