"""Whatever can't be had, the page says so, and then really tries again. All files in all ways: tests/failures.py.

The server calls files what nginx calls them by default: so all that works here works on any static server.
"""

import re
import shutil

import pytest
from playwright.sync_api import expect

from builder import serve
from tests import failures
from tests.browser.test_editing import cell, run, shown, status
from tests.conftest import built_once, run_build
from tests.failures import ROLES, failing_server, live, move, tried
from tests.reader import PATIENCE, READY, eventually, wake, watch_restarts

pytestmark = pytest.mark.browser

# nginx 1.26, conf/mime.types and default_type: of what a site like this has, no more than this
NGINX = {
    ".html": "text/html",
    ".css": "text/css",
    ".xml": "text/xml",
    ".js": "application/javascript",
    ".txt": "text/plain",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".wasm": "application/octet-stream",  # before 1.21
    ".zip": "application/zip",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return built_once(tmp_path_factory, "loading", failures.build_lab) / "site"


@pytest.fixture(scope="module")
def server(site):
    before = dict(serve.TYPES)
    serve.TYPES.clear()
    serve.TYPES.update(NGINX)
    with failing_server(site) as made:
        yield made
    serve.TYPES.update(before)


@pytest.fixture
def loose(context):
    """A page whose console may complain: what can't be had stands there, too."""
    return context.new_page()


# ---- files

SOME = [
    ("/main-", "404"),
    ("/main-", "half"),
    (r"/site-\w+\.css", "never"),
    ("/live-", "html"),
    ("/worker-", "half"),
    ("/static/lab-", "404"),
    ("/static/lab-", "damaged"),
    ("/kit-", "never"),
    ("/editor-", "type"),
    ("/data/search-", "damaged"),
]


@pytest.mark.parametrize(("pattern", "kind"), SOME)
def test_a_file_that_fails_is_named_and_asked_for_again(browser, server, pattern, kind):
    (role,) = (role for each, role in ROLES if each == pattern)
    survived, seen, _ = tried(browser, server, pattern, role, kind, patience=PATIENCE)
    assert server.met, "nobody has asked for it"
    assert survived and seen != "works", seen


def test_retry_waits_for_nobody_who_asked_before(loose, server):
    """Another demo's download may be about to fail: neither the retry waits for it, nor does the figure go with it."""
    held = []
    does = {
        "fail": lambda route: route.fulfill(status=500),
        "hold": held.append,
        "pass": lambda route: route.continue_(),
    }
    now = "fail"
    loose.route("**/live-*.js", lambda route: does[now](route))
    loose.goto(server.url + "lab.html")
    for name in ("good", "model"):
        move(loose, name)
    wake(loose)
    for name in ("good", "model"):
        expect(loose.locator(f"#demo-{name} .demo-status")).to_contain_text("HTTP 500")
    now = "hold"
    loose.locator("#demo-model [data-retry]").click()
    eventually(loose, lambda: held)
    now = "pass"
    loose.locator("#demo-good [data-retry]").click()
    live(loose)
    now = "fail"
    held[0].fulfill(status=500)
    expect(loose.locator("#demo-model")).to_have_attribute("state", "error")
    live(loose)


def test_a_style_that_is_refused_is_told_by_its_cause(loose, server):
    """Chromium keeps a sheet for it, whose rules can't be read."""
    uncaught = []
    loose.on("pageerror", lambda error: uncaught.append(error))
    failures.fail(server, r"/site-\w+\.css", "html")
    loose.goto(server.url + "lab.html")
    expect(loose.locator("#notice")).to_contain_text("the server calls it text/html")
    failures.heal(server)
    assert not uncaught


@pytest.mark.parametrize("kind", ["404", "half"])
def test_no_cache_keeps_a_failed_worker_over_a_reload(loose, server, kind):
    """Hosts let caches keep their errors, too: GitHub Pages for ten minutes."""
    failures.fail(server, "/worker-", kind)
    loose.goto(server.url + "lab.html")
    move(loose)
    expect(loose.locator("#demo-good .demo-status")).to_contain_text("Python could not be started")
    failures.heal(server)
    loose.reload()
    move(loose)
    live(loose)


def test_where_nothing_fails_nothing_is_said(page, server):
    """In a tab that uses all parts, under nginx's own types."""
    page.goto(server.url + "lab.html")
    move(page)
    live(page)
    cell(page, "topics.lab.demos.twice").locator("[data-run]").click()
    expect(page.locator(".cm-content")).to_be_visible()
    page.locator("#demo-words input[type=text]").fill("the sun is")
    expect(page.locator("#demo-words .metric-value")).to_have_text("3")
    page.get_by_role("button", name="Search").click()
    page.locator("dialog.search input").fill("words")
    expect(page.locator("#search-results a").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator(".needs-js").first).to_be_hidden()


def test_without_a_script_the_first_demo_says_so_in_the_end(browser, server):
    """Whatever keeps scripts from running, also the one that stands in the page."""
    context = browser.new_context()
    context.route("**/*.js", lambda route: route.abort())
    context.route(
        "**/lab.html",
        lambda route: route.fulfill(
            response=(answer := route.fetch()), body=answer.text().replace("'sha256-", "'sha256-x")
        ),
    )
    page = context.new_page()
    page.goto(server.url + "lab.html")
    expect(page.locator(".needs-js").first).to_be_visible()
    context.close()


# ---- a deployment


@pytest.fixture
def deployed(site, tmp_path):
    """A server, and what puts a later build in the place of the site: all scripts and Python have other names."""
    copy = tmp_path / "site"
    shutil.copytree(site, copy)

    def deploy():
        for path in [*copy.glob("static/*.js"), *copy.glob("static/*.zip")]:
            path.unlink()
        for path in copy.glob("*.html"):
            path.write_text(path.read_text().replace(' data-build="', ' data-build="0'))

    with failing_server(copy) as server:
        server.deploy = deploy
        yield server


def test_a_site_that_was_updated_under_an_open_page_says_so_and_a_reload_keeps_what_was_set(loose, deployed, site):
    loose.goto(deployed.url + "lab.html")
    expect(loose.locator("#demo-good input[type=range]")).to_be_enabled()
    deployed.deploy()
    move(loose)
    expect(loose.locator("#demo-good .demo-status")).to_contain_text("updated")
    cell(loose, "topics.lab.demos.twice").locator("[data-run]").click()
    expect(loose.locator("#notice")).to_contain_text("The editor could not be loaded. This site was updated")
    deployed.folders[deployed.prefix] = site  # the new build, whole
    loose.locator("#demo-good [data-reload]").click()
    expect(loose.locator("#demo-good .typed input")).to_have_value("9")
    live(loose)


def test_an_old_page_beside_new_files_says_that_the_site_was_updated(loose, deployed, site):
    old = (site / "lab.html").read_text()
    deployed.deploy()
    loose.route("**/lab.html", lambda route: route.fulfill(body=old, content_type="text/html"), times=1)
    loose.goto(deployed.url + "lab.html#good:n=9")
    expect(loose.locator("#notice")).to_contain_text("This site was updated")
    deployed.folders[deployed.prefix] = site
    loose.locator("#notice [data-reload]").click()
    expect(loose.locator("#demo-good .typed input")).to_have_value("9")


# ---- features that a browser lacks, or refuses

LACKING = {
    "delete window.Worker": "no background threads",
    "window.Worker = class { constructor() { throw new DOMException('refused', 'SecurityError'); } }": "refused",
    "window.Worker = class { constructor() { setTimeout(() => this.onerror(new ErrorEvent('error'))); }"
    " postMessage() {} terminate() {} }": "does not run it as a thread",
}


@pytest.mark.parametrize("lacking", LACKING)
def test_without_a_worker_the_demo_says_what_is_missing_and_its_grid_answers(loose, server, lacking):
    loose.add_init_script(lacking)
    loose.goto(server.url + "lab.html")
    move(loose)
    expect(loose.locator("#demo-good .demo-status")).to_contain_text(LACKING[lacking])
    expect(loose.locator("#demo-good .figure-alt")).to_have_text("Slope 9.")


def test_a_feature_that_nobody_thought_of_is_told_too(loose, server):
    loose.add_init_script("delete window.CompressionStream")
    loose.goto(server.url + "lab.html")
    cell(loose, "topics.lab.demos.twice").locator("[data-run]").click()
    loose.locator(".cm-content").click()
    loose.keyboard.type("# mine")
    expect(loose.locator("#notice")).to_contain_text("CompressionStream")


BREAKS = "CacheStorage.prototype.match = Cache.prototype.put = Cache.prototype.keys = () => { throw new Error('no'); }"
STORES = {
    "refuses": "caches.open = caches.match = () => Promise.reject(new Error('no'))",
    "throws": "Object.defineProperty(self, 'caches', { get() { throw new Error('no'); } })",
    "never answers": "caches.open = caches.match = () => new Promise(() => {})",
    "breaks": BREAKS,
}


@pytest.mark.parametrize("how", STORES)
def test_a_store_that_fails_costs_a_download_and_nothing_else(page, server, how):
    page.route(
        "**/worker-*.js",
        lambda route: route.fulfill(response=(answer := route.fetch()), body=f"{STORES[how]};{answer.text()}"),
    )
    page.goto(server.url + "lab.html")
    move(page, "model")
    live(page, "model")


# ---- what a reader's code does to the page's talk with its worker


@pytest.fixture(scope="module")
def tab(browser, server):
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(server.url + "lab.html")
    wake(page)
    yield page
    context.close()


@pytest.fixture
def lab(tab):
    """The page anew, by its own link: the same Python."""
    expect(tab.locator(READY)).to_be_attached()
    tab.evaluate("navigation.navigate('other.html').finished.then(() => navigation.navigate('lab.html').finished)")
    expect(tab.locator("#demo-good input[type=range]")).to_be_enabled()
    yield tab
    reset = cell(tab, TWICE).locator("[data-reset]")
    if reset.is_visible():  # or the next page brings the code back, and may do so over what its test has typed
        reset.click()
        eventually(tab, lambda: "text=" not in tab.url)


TWICE = "topics.lab.demos.twice"


def try_code(page, code):
    run(page, cell(page, TWICE), f"def twice(n):\n{code}\n    return 2 * n\n")


FORGED = """    import js
    from pyodide.ffi import to_js
    for what in ({"status": "booting"}, {"status": "broken", "message": "forged"}, {"printed": "forged"}):
        js.self.postMessage(to_js(what, dict_converter=js.Object.fromEntries))"""


def test_what_the_readers_code_tells_the_page_is_not_believed(lab):
    try_code(lab, FORGED)
    expect(status(cell(lab, TWICE))).to_contain_text("use your code now")
    lab.locator("#demo-good input[type=range]").press("End")
    expect(shown(lab, "good")).to_have_text("9")
    expect(lab.locator(READY)).to_be_attached()
    expect(cell(lab, TWICE).locator(".code-output")).to_be_empty()


def test_an_endless_message_is_cut(lab):
    try_code(lab, "    raise ValueError('x' * 10_000_000)")
    expect(lab.locator("#demo-good .demo-status")).to_contain_text("characters more")
    assert len(lab.locator("#demo-good .demo-status").text_content()) < 30_000
    assert len(status(cell(lab, TWICE)).text_content()) < 3_000


def test_an_interrupt_that_the_reader_raises_is_not_told_as_too_slow(lab):
    try_code(lab, "    pass")
    live(lab)  # what a new Python does but once has no part in the deadline
    try_code(lab, "    raise KeyboardInterrupt")
    expect(lab.locator("#demo-good .demo-status")).to_contain_text("KeyboardInterrupt")


LEFT_BEHIND = """    import asyncio
    async def later():
        await asyncio.sleep(0.3)
        while True: pass
    global task
    task = asyncio.ensure_future(later())"""


def test_what_code_has_left_behind_is_to_blame_and_not_the_demo_that_comes_after(lab):
    watch_restarts(lab)
    try_code(lab, LEFT_BEHIND)
    expect(status(cell(lab, TWICE))).to_contain_text("did not survive this code")
    eventually(lab, lambda: lab.evaluate("restarts"))
    lab.locator("#demo-good input[type=range]").press("End")
    live(lab)
    expect(shown(lab, "good")).to_have_text("9")


# ---- Python and the models from elsewhere


@pytest.fixture(scope="module")
def far(site):
    """The other place: a copy of the site."""
    with failing_server(site) as made:
        yield made


@pytest.fixture(scope="module")
def near(site, far, tmp_path_factory):
    out = tmp_path_factory.mktemp("near") / "site"
    run_build("build", "--out", out, root=site.parent, RUNTIME_URL=far.url)
    with failing_server(out) as made:
        yield made


def heavy(asked, place):
    return {url.split("/")[-1].split("-")[0] for url in asked if url.startswith(place.url) and re.search(HEAVY, url)}


HEAVY = r"/runtime-|\.safetensors$"


def test_where_a_maintainer_says_so_python_and_the_models_come_from_elsewhere(page, near, far):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(near.url + "lab.html")
    move(page)
    live(page)
    move(page, "model")
    live(page, "model")
    assert heavy(asked, near) == set()
    assert heavy(asked, far) >= {"pyodide.js", "pyodide.asm.js", "pyodide.asm.wasm", "numpy", "tiny"}
    assert {url for url in asked if url.startswith(far.url) and not re.search(HEAVY, url)} == set()
    policy = page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content")
    assert policy.count(far.url.rstrip("/")) == 2, "scripts and connections, and no more"


@pytest.mark.parametrize(("pattern", "kind"), [("/runtime-", "404"), ("/tiny-", "damaged")])
def test_what_can_not_be_had_elsewhere_is_had_here(loose, near, far, pattern, kind):
    failures.fail(far, pattern, kind)
    loose.goto(near.url + "lab.html")
    move(loose, "model")
    live(loose, "model")
    failures.heal(far)
    assert far.met, "nobody has asked for it there"
