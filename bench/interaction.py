"""From a control's move to the painted figure, in live pages, and the bytes that a page costs before it is touched."""

import gzip
import re
from pathlib import Path
from statistics import median, quantiles

from playwright.sync_api import sync_playwright

from builder.serve import COMPRESSED, SiteServer
from tests import chromium
from tests.reader import go_live, visit, wake

MOVES = {"instant": 20, "model": 8}  # of a demo's first control that has somewhere to go
WARM = 3  # moves before: Python and Plotly do some things once
PAINT = """(id) => new Promise((done) => {
  const demo = document.getElementById(id);
  const began = performance.now();
  demo.addEventListener("painted", () => requestAnimationFrame(() => {
    const channel = new MessageChannel();  // a task after the frame: the frame has been painted
    channel.port1.onmessage = () => done(performance.now() - began);
    channel.port2.postMessage(null);
  }), { once: true });
  const slider = demo.querySelector("[data-control] input[type=range]");
  if (slider) {
    if (slider.value === slider.min) slider.value = slider.max;
    else slider.stepDown();
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    return;
  }
  const select = demo.querySelector("[data-control] select");
  if (select) {
    select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
    select.dispatchEvent(new Event("input", { bubbles: true }));
    return;
  }
  const radios = [...demo.querySelectorAll("[data-control] input[type=radio]")];
  const group = radios.filter(({ name }) => name === radios[0].name);
  const next = (group.findIndex((radio) => radio.checked) + 1) % group.length;
  group.length ? group[next].click() : demo.querySelector("[data-control] input[type=checkbox]").click();
})"""
CONTROLS = "[data-control] :is(input[type=range], input[type=radio], input[type=checkbox], select)"
DEMOS = f"""() => [...document.querySelectorAll('llm-demo:not([kind="live"])')]
  .filter((demo) => demo.querySelector("{CONTROLS}")).map((demo) => [demo.id, demo.getAttribute("kind")])"""


def move_to_paint(site, pages, say=print):
    """{page.demo: {"kind", "median", "p95"}}: milliseconds from a move of a demo's first control to the paint, with
    Python live, for every demo of the pages that answers by itself."""
    server, found = SiteServer(site).start(), {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGUMENTS)
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.goto(f"{server.url}{pages[0]}.html")
        wake(page)
        for name in pages:
            visit(page, f"{server.url}{name}.html")
            go_live(page)
            for id, kind in page.evaluate(DEMOS):
                page.locator(f"#{id}").scroll_into_view_if_needed()
                times = [page.evaluate(PAINT, id) for _ in range(WARM + MOVES[kind])][WARM:]
                one = {"kind": kind, "median": median(times), "p95": quantiles(times, n=20, method="inclusive")[-1]}
                found[f"{name}.{id.removeprefix('demo-')}"] = one
            say(f"        {name}: {sum(key.startswith(f'{name}.') for key in found)} demos moved", flush=True)
        browser.close()
    return found


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
