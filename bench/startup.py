"""Time until numpy answers in a reader's browser: our pack beside Pyodide as its manual shows it.

Run as `python -m bench.startup [--pairs 5] [--mbit 10]`. Each measurement is a fresh reader with an empty cache; the
two sides alternate, so that a machine that slows down slows both. Take the ratio seriously, the times lightly.
"""

import argparse
import json
import shutil
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from playwright.sync_api import sync_playwright

from builder.bundle.runtime import build_pack, fetch_wheel, read_pins
from builder.serve import SiteServer
from tests import chromium

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = REPOSITORY / "bench/pages"
CACHE = REPOSITORY / ".cache"
NODE_MODULES = REPOSITORY / "node_modules"
SIDES = ("stock", "pack")
say = partial(print, file=sys.stderr)  # standard output is for the result


def measure(pairs=5, mbit=None):
    """Milliseconds from navigation until numpy is imported, and until its first random numbers, for both sides.

    mbit     megabits per second of the connection; None is loopback as it is
    returns  {"mbit", "imported": {...}, "numbers": {...}}, each {"pairs": [{"stock": ms, "pack": ms}],
             "stock": median, "pack": median, "ratio"}
    """
    pack = build_pack(CACHE, NODE_MODULES, say)
    config = {"stock": {}, "pack": {"files": pack.files}}
    with stock() as directory, sync_playwright() as playwright:
        also = {"/js/": REPOSITORY / "templates/static/js", "/pack/": pack.directory, "/stock/": directory}
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGUMENTS)
        quick = SiteServer(PAGES, also=also).start()
        for side in SIDES:  # unmeasured: files are compressed once, the browser is awake
            visit(browser, quick.url, side, config[side])
        server = SiteServer(PAGES, also=also, mbit=mbit).start()
        rows = []
        for i in range(pairs):
            order = SIDES if i % 2 == 0 else SIDES[::-1]
            row = {side: visit(browser, server.url, side, config[side]) for side in order}
            rows.append({side: row[side] for side in SIDES})
        browser.close()
    return {"mbit": mbit} | {moment: summary(rows, moment) for moment in ("imported", "numbers")}


def summary(rows, moment):
    """The pairs of one moment, their medians, and the ratio of these."""
    pairs = [{side: row[side][moment] for side in SIDES} for row in rows]
    medians = {side: median(pair[side] for pair in pairs) for side in SIDES}
    return {"pairs": pairs, **medians, "ratio": round(medians["pack"] / medians["stock"], 3)}


@contextmanager
def stock():
    """The files of npm's pyodide with the official wheel beside them, as they are."""
    with TemporaryDirectory() as work:
        wheel = fetch_wheel(read_pins(), CACHE / "downloads", say)
        for path in [*(NODE_MODULES / "pyodide").iterdir(), wheel]:
            shutil.copy(path, Path(work) / path.name)
        yield work


def visit(browser, base, side, config):
    """Open the page as a new reader; milliseconds until numpy was imported and until it sent numbers."""
    context = browser.new_context()
    answer = last_word(context.new_page(), base, side, config)
    context.close()
    return {"imported": answer["imported"], "numbers": answer["ms"]}


def last_word(page, base, side, config):
    """What the worker bench/pages/<side>.js says in the end; raises RuntimeError when that is an error."""
    page.goto(f"{base}index.html?{urlencode({'worker': f'{side}.js', 'config': json.dumps(config)})}")
    page.locator("output[data-done]").wait_for(state="attached", timeout=120_000)
    answer = json.loads(page.locator("output").text_content())
    if "error" in answer:
        raise RuntimeError(f"bench/pages/{side}.js: {answer['error']}")
    return answer


def describe(result):
    """The result as lines of text."""
    speed = f"{result['mbit']} Mbit/s" if result["mbit"] else "loopback"
    lines = []
    for moment, title in (("imported", "numpy imported"), ("numbers", "first random numbers")):
        one = result[moment]
        lines.append(f"        Until {title}, {speed}, ms:")
        lines += [f"          stock {pair['stock']:6.0f}   pack {pair['pack']:6.0f}" for pair in one["pairs"]]
        lines.append(f"          median {one['stock']:5.0f}        {one['pack']:6.0f}   ratio {one['ratio']:.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--mbit", type=float)
    options = parser.parse_args()
    result = measure(options.pairs, options.mbit)
    print(json.dumps(result))
    print(describe(result))
