"""From a slider's move to the painted figure, in a live page, and the bytes that a page costs before it is touched."""

import gzip
import re
from pathlib import Path
from statistics import median, quantiles

from playwright.sync_api import sync_playwright

from builder.serve import COMPRESSED, SiteServer
from tests import chromium

MOVES = 60
PAINT = """(selector) => new Promise((done) => {
  const demo = document.querySelector(selector);
  const slider = demo.querySelector("input[type=range]");
  const moved = Number(slider.value) === Number(slider.min) ? slider.max : Number(slider.value) - 1;
  slider.value = moved;
  const began = performance.now();
  demo.addEventListener("painted", () => requestAnimationFrame(() => {
    const channel = new MessageChannel();  // a task after the frame: the frame has been painted
    channel.port1.onmessage = () => done(performance.now() - began);
    channel.port2.postMessage(null);
  }), { once: true });
  slider.dispatchEvent(new Event("input", { bubbles: true }));
})"""


def slider_to_paint(site, page_name="kv_cache.html", demo="#demo-memory_calculator", moves=MOVES):
    """Milliseconds from `input` to paint for each of `moves` moves of a demo's first slider, Python being live."""
    server = SiteServer(site).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(server.url + page_name)
        page.locator(demo).scroll_into_view_if_needed()
        page.mouse.move(50, 50)
        page.locator(f'{demo}[state="live"]').wait_for(timeout=60_000)
        for _ in range(5):  # the first moves warm up Python and Plotly
            page.evaluate(PAINT, demo)
        times = [page.evaluate(PAINT, demo) for _ in range(moves)]
        browser.close()
    return {"demo": demo, "median": median(times), "p95": quantiles(times, n=20)[-1], "moves": moves}


def bytes_before_interaction(site, page="kv_cache.html"):
    """gzip bytes of the page, its styles and its own script: what is loaded before a reader does anything."""
    site = Path(site)
    html = (site / page).read_text()
    script = re.search(r'<script type="module" src="([^"]+)"', html)[1]
    style = re.search(r'<link rel="stylesheet" href="([^"]+)"', html)[1]
    chunks = re.findall(r'from"\./([^"]+)"', (site / script).read_text())  # static imports only; Plotly is dynamic
    files = {"HTML": [page], "CSS": [style], "JavaScript": [script, *(f"static/{chunk}" for chunk in chunks)]}
    sizes = {kind: sum(wire_bytes(site / name) for name in names) for kind, names in files.items()}
    return sizes | {"total": sum(sizes.values())}


def pack_bytes(site):
    """What Python costs over the wire, the kit included; a topic's own code, some 15 kB, comes when it is asked for."""
    site = Path(site)
    parts = [*next(site.glob("runtime-*")).iterdir(), *site.glob("static/kit-*.zip")]
    return sum(map(wire_bytes, parts))


def wire_bytes(path):
    data = path.read_bytes()
    return len(gzip.compress(data, 6)) if path.suffix in COMPRESSED else len(data)
