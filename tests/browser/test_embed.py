"""A demo alone, in a frame of somebody else's page: each is whole and light; one answers, is sized, keeps quiet."""

import gzip
import re

import pytest
from playwright.sync_api import expect

from tests.conftest import serving
from tests.reader import complain, eventually, watched

LIGHT = 60_000  # bytes after gzip of the page alone: a topic's whole page with its script may have 75 kB
HOST = """<!doctype html><meta http-equiv="Content-Security-Policy" content="frame-src {origin}; script-src 'self'">
<script src="sized.js"></script><iframe src="{src}" title="A demo" width="100%" height="640"></iframe>"""


@pytest.fixture(scope="module")
def embeds(site_dir):
    return {path.name.removesuffix(".html"): path.read_text() for path in (site_dir / "embed").glob("*.html")}


def test_every_demo_of_every_page_has_a_page_alone_with_its_figure_and_its_way_back(site_dir, embeds):
    calls = {}
    for page in site_dir.glob("*.html"):
        if page.name != "index.html":  # its demo is a topic's
            calls |= dict.fromkeys(re.findall(r'<llm-demo [^>]*call="([\w.]+)"', page.read_text()), page.name)
    assert embeds.keys() == calls.keys()
    for call, html in embeds.items():
        name = call.split(".")[1]
        assert html.count("<llm-demo") == 1 and html.count("<figcaption") == 1, call
        assert f'href="{calls[call]}#demo-{name}"' in html, call
        assert 'content="noindex"' in html, call


def test_every_file_that_a_page_alone_names_is_there(site_dir, embeds):
    for call, html in embeds.items():
        linked = html.replace('<base href="../"', "<base")
        named = re.findall(r'(?:src|href|grid|data-topic)="([^"#:?]+)["#?]', linked)
        missing = [name for name in named if not (site_dir / name).is_file()]
        assert not missing and linked != html, f"{call}: {missing}"


def test_a_page_alone_is_light(embeds):
    sizes = {call: len(gzip.compress(html.encode())) for call, html in embeds.items()}
    assert max(sizes.values()) < LIGHT, max(sizes, key=sizes.get)


def snippet():
    """The script that the README gives to the page around."""
    from tests.conftest import REPOSITORY

    readme = (REPOSITORY / "templates/static/js/README.md").read_text()
    return re.search(r"<script>\n(.*?)</script>", readme, re.S)[1]


@pytest.fixture
def framed(context, server, tmp_path):
    """`framed(path)`: a page of another host shows a page alone; (page, frame). Fails as `page` does."""
    pages = []

    def show(path, host=HOST, before=None):
        src = server.url + path
        (tmp_path / "sized.js").write_text(snippet())
        (tmp_path / "index.html").write_text(host.format(src=src, origin="/".join(src.split("/")[:3])))
        page = watched(context.new_page())
        if before:
            page.add_init_script(before)
        pages.append(page)
        page.goto(foreign.url.replace("127.0.0.1", "localhost"))
        return page, page.frame_locator("iframe")

    with serving(tmp_path) as foreign:
        yield show
    for page in pages:
        complain(page)


# As browsers do to third parties: even to name the storage throws.
NO_STORAGE = """for (const name of ["localStorage", "sessionStorage", "indexedDB", "caches"])
  Object.defineProperty(window, name, { get() { throw new DOMException("denied", "SecurityError"); } });"""


def test_a_frame_of_another_host_answers_is_sized_and_hears_nothing_without_storage(framed):
    asked = []
    page, frame = framed("embed/kv_cache.memory_calculator.html?theme=dark", before=NO_STORAGE)
    page.on("request", lambda request: asked.append(request.url))
    demo = frame.locator("llm-demo")
    expect(frame.locator("html")).to_have_attribute("data-script", "on")
    expect(frame.locator("html")).to_have_attribute("data-theme", "dark")
    expect(demo.locator(".figure-static").first).to_be_visible()
    expect(page.locator("iframe")).not_to_have_attribute("height", "640")
    eventually(page, lambda: tall(page) == page.locator("iframe").evaluate("(frame) => Number(frame.height)"))
    page.mouse.move(200, 200)
    page.mouse.move(210, 210)
    page.frames[1].evaluate("addEventListener('message', () => (document.body.dataset.told = ''))")  # after its own
    page.evaluate("""frames[0].postMessage({ llmInternalsHeight: 9, call: "x", exec: "1/0", status: "broken" }, "*")""")
    expect(frame.locator("body[data-told]")).to_be_attached()
    expect(demo).to_have_attribute("state", "static")
    assert not [url for url in asked if "runtime-" in url], "Python comes when the demo is touched"
    demo.locator("input[type=range]").first.press("Home")
    expect(demo).to_have_attribute("state", "live")
    assert any("runtime-" in url for url in asked)
    eventually(page, lambda: "memory_calculator:" in frame.locator("[data-home-link]").evaluate(POINTED))


POINTED = "(link) => (link.dispatchEvent(new Event('pointerdown')), link.href)"


def tall(page):
    return page.frames[1].evaluate("Math.ceil(document.body.getBoundingClientRect().height)")


def test_embed_copies_a_frame_with_the_settings_that_opens_as_set(context, server):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.add_init_script('Object.defineProperty(navigator, "connection", { value: { saveData: true } })')
    page.goto(server.url + "kv_cache.html")
    demo = page.locator("#demo-memory_calculator")
    slider = demo.locator("input[type=range]").first
    slider.press("Home")
    set_to = slider.input_value()
    demo.locator("summary", has_text="More").evaluate("(more) => (more.parentNode.open = true)")
    demo.locator('[data-tool="embed"]').click()
    expect(demo.locator('[data-tool="embed"]')).to_have_text("HTML copied")
    html = page.evaluate("navigator.clipboard.readText()")
    assert re.match(r'<iframe src="[^"]*/embed/kv_cache\.memory_calculator\.html#memory_calculator:', html), html
    assert 'height="640"' in html and 'title="KV cache: Figure' in html
    page.goto(re.search('src="([^"]+)"', html)[1])
    expect(page.locator("llm-demo input[type=range]").first).to_have_value(set_to)
