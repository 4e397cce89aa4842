"""The offline copy, and the archive: what a reader without a network has, and that nobody has it unasked.

Each reader gets a site of their own to change: the small one of tests/failures.py, as links to its files.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Error, expect

from builder.index.offline import LIST, listing
from tests import failures
from tests.conftest import built_once, run_build
from tests.failures import Failing, fail, failing_server, heal, live, move
from tests.reader import READY, eventually, wake

pytestmark = pytest.mark.browser


class Line(Failing):
    """Notes what it is asked for, and may go away."""

    def parse_request(self):
        if self.server.gone:
            self.close_connection = True
            return False
        whole = super().parse_request()
        if whole:
            self.server.asked.append(self.path.removeprefix(self.server.prefix))
        return whole


@contextmanager
def line(site, prefix="/project/"):
    with failing_server(site, prefix) as server:
        server.RequestHandlerClass, server.asked, server.gone = Line, [], False
        yield server


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return built_once(tmp_path_factory, "loading", failures.build_lab)


@pytest.fixture
def site(project, tmp_path):
    return shutil.copytree(project / "site", tmp_path / "site", copy_function=os.link)


@pytest.fixture
def server(site):
    with line(site) as made:
        yield made


@pytest.fixture
def loose(context):
    """A page whose console may complain: what can't be had stands there, too."""
    return context.new_page()


def write(path, data):
    """Not into the file that other readers' sites link to."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def publish(site):
    """As a build does after a change."""
    files = {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}
    write(site / LIST, listing(files))


def listed(site):
    return json.loads((site / LIST).read_bytes())["files"]


def megabytes(rows):
    return f"{sum(size for _, size, _ in rows) / 1e6:.1f} MB"


def switch(page, state):
    return page.locator(f"offline-copy[state={state}]")


def press(page, name):
    page.locator("offline-copy").get_by_role("button", name=name).click()


def switch_on(page, server):
    page.goto(server.url + "offline.html")
    press(page, "Keep it on this device")
    switch(page, "on").wait_for()


REGISTERED = "navigator.serviceWorker.getRegistrations().then((all) => all.map(({ scope }) => scope))"
STORES = "caches.keys().then((all) => all.filter((name) => name.startsWith('llm-internals-offline')))"
HELD = """caches.keys().then(async ([name]) => (await (await caches.open(name)).keys()).map(({ url }) => url))"""


def held(page, server):
    """What lies in the store, below the site's address."""
    return {url.removeprefix(server.url) for url in page.evaluate(HELD)}


# ---- nobody has it unasked


def test_who_never_asks_has_no_service_worker(context, server):
    page = context.new_page()
    for name in ("index.html", "lab.html", "offline.html"):
        page.goto(server.url + name)
    switch(page, "off").wait_for()
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('iframe'), { src: 'offline.html?framed' }))"
    )
    framed = page.frame_locator("iframe").locator("offline-copy")
    expect(framed.locator(".said")).to_contain_text("Open it in a tab of its own")
    assert framed.get_by_role("button").count() == 0
    assert page.evaluate(REGISTERED) == page.evaluate(STORES) == []
    assert "offline-worker.js" not in server.asked


def test_what_it_would_hold_is_told_before(page, server, site):
    page.goto(server.url + "offline.html")
    expect(page.get_by_role("button", name="Keep it on this device")).to_contain_text(megabytes(listed(site)))
    together = page.get_by_role("row", name="Together").locator("td").all_inner_texts()
    assert together == [str(len(listed(site))), megabytes(listed(site)).removesuffix(" MB")]


# ---- reading without a network


def test_every_page_of_the_real_site_opens_and_the_house_model_answers(context, site_dir):
    """At a domain's root."""
    page = context.new_page()
    with line(site_dir, "/") as server:
        switch_on(page, server)
        server.gone = True
        pages = [path for path, *_ in listed(site_dir) if path.endswith(".html")]
        assert {"index.html", "attention.html", "offline.html"} < set(pages)
        for path in pages:
            page.goto(server.url + path, wait_until="commit")
            expect(page.locator("main > .kept")).to_contain_text("this page is the copy kept on")
            expect(page.locator("html[data-script]")).to_be_attached()
        page.goto(server.url + "attention.html")
        wake(page)
        demo = page.locator("#demo-read_along")
        demo.scroll_into_view_if_needed()
        expect(demo).to_have_attribute("state", "live")


def test_an_open_page_is_not_taken_over_and_each_address_has_its_page(context, server):
    page, before = context.new_page(), context.new_page()
    before.goto(server.url + "lab.html")
    switch_on(page, server)
    controlled = "Boolean(navigator.serviceWorker.controller)"
    assert not before.evaluate(controlled) and not page.evaluate(controlled)
    expect(page.locator("offline-copy .more")).to_contain_text("once they are reloaded")
    page.reload()
    switch(page, "on").wait_for()
    assert page.evaluate(controlled)
    server.gone = True
    for address, title in {"": "LLM Internals", "other": "Other", "lab.html#good.n=3": "A page"}.items():
        page.goto(server.url + address)
        expect(page).to_have_title(re.compile(title))
    page.get_by_role("link", name="Other", exact=True).first.click()  # a soft link
    expect(page).to_have_title(re.compile("Other"))
    expect(page.locator(".kept")).to_be_visible()
    before.locator(".site-header").get_by_role("link", name="Glossary").click()  # a tab that has no worker yet
    expect(before).to_have_title(re.compile("Glossary"))
    server.gone = False
    page.locator(".kept a").click()
    expect(page.locator(".kept")).to_have_count(0)


def test_a_network_that_is_silent_is_told_and_the_reader_chooses(loose, server):
    switch_on(loose, server)
    fail(server, "/other.html", "never")
    loose.goto(server.url + "other.html#here", wait_until="commit")
    expect(loose.get_by_role("heading")).to_have_text("The network does not answer")
    loose.get_by_role("link", name="Read the copy").click()
    expect(loose.locator(".kept")).to_be_visible()
    assert loose.url.endswith("other.html?kept=#here")
    heal(server)
    loose.locator(".kept a").click()
    loose.wait_for_url("**/other.html")
    expect(loose.locator(".kept")).to_have_count(0)


# ---- the site changes


def deploy(site):
    """One topic's Python has another name, its page names it, and another page has other words. Returns the names."""
    (old,) = (site / "static").glob("lab-*.zip")
    new = old.with_name("lab-0123456789abcdef.zip")
    old.rename(new)
    page = (site / "lab.html").read_bytes().replace(old.name.encode(), new.name.encode())
    write(site / "lab.html", page)
    write(site / "other.html", (site / "other.html").read_bytes().replace(b"Words.", b"News."))
    publish(site)
    return f"static/{old.name}", f"static/{new.name}"


def addresses(site):
    return {f"{path}?{sha}" if path.endswith(".html") else path for path, _, sha in listed(site)} | {LIST}


def test_a_change_is_shown_at_once_and_the_copy_follows_with_what_changed(loose, server, site):
    switch_on(loose, server)
    before = addresses(site)
    assert held(loose, server) == before
    old, new = deploy(site)
    fail(server, new, "404")
    loose.goto(server.url + "other.html")
    expect(loose.locator("main")).to_contain_text("News.")
    expect(loose.locator(".kept")).to_have_count(0)
    eventually(loose, lambda: server.met == 2)  # asked once more, past the cache
    server.gone = True
    loose.goto(server.url + "other.html")
    expect(loose.locator("main")).to_contain_text("Words.")  # the old set is whole, the new one is not
    assert {LIST, old} < held(loose, server) and new not in held(loose, server)
    server.gone = False
    heal(server)
    server.asked.clear()
    loose.goto(server.url + "other.html")
    eventually(loose, lambda: held(loose, server) == addresses(site))
    pages = {address for address in addresses(site) - before if ".html" in address}
    assert len(pages) == 2
    assert pages | {new} >= set(server.asked) - {"other.html", LIST, "offline-worker.js"} >= {new}
    server.gone = True
    loose.goto(server.url + "other.html")
    expect(loose.locator("main")).to_contain_text("News.")


def test_the_page_of_the_copy_tells_of_a_change_and_fetches_it(loose, server, site):
    switch_on(loose, server)
    deploy(site)
    loose.goto(server.url + "offline.html")  # has not changed itself
    expect(loose.locator(".more")).to_contain_text("The site has changed since: 3 files")
    press(loose, "Fetch it now")
    expect(loose.locator(".more")).to_contain_text("It is what the site has now")
    assert held(loose, server) == addresses(site)


# ---- switching on may be stopped, and fail; switching off leaves nothing


def test_a_download_is_stopped_and_taken_up_again(loose, server):
    fail(server, r"\.wasm", "never")
    loose.goto(server.url + "offline.html")
    press(loose, "Keep it on this device")
    bar = loose.get_by_role("progressbar", name="What has come")
    eventually(loose, lambda: bar.evaluate("(bar) => bar.value > 7e6 && bar.value < bar.max"))
    press(loose, "Stop")
    expect(switch(loose, "part").locator(".said")).to_contain_text("They are not in use yet")
    assert loose.evaluate(REGISTERED) == []
    here = held(loose, server)
    heal(server)
    loose.reload()
    switch(loose, "part").wait_for()
    asked = []  # also of the browser's own cache
    loose.on("request", lambda request: asked.append(request.url.removeprefix(server.url)))
    press(loose, "Go on")
    switch(loose, "on").wait_for()
    assert here and not here & set(asked)
    assert loose.evaluate(REGISTERED) == [server.url]


def test_switched_off_it_leaves_nothing(loose, server):
    switch_on(loose, server)
    loose.reload()
    press(loose, "Switch off and delete")
    expect(switch(loose, "off").locator(".said")).to_contain_text("deleted from this device")
    assert loose.evaluate(REGISTERED) == loose.evaluate(STORES) == []
    loose.goto(server.url + "other.html")
    loose.wait_for_load_state()
    assert loose.evaluate(STORES) == []
    server.gone = True
    with pytest.raises(Error, match="ERR_"):
        loose.goto(server.url + "lab.html")


UNABLE = {
    "plain http": "Object.defineProperty(window, 'isSecureContext', { value: false })",
    "no service workers": "delete Navigator.prototype.serviceWorker",
    "private window": "CacheStorage.prototype.match = async () => { throw new Error('private window') }",
}


@pytest.mark.parametrize("cause", UNABLE)
def test_where_nothing_can_be_kept_it_says_why_and_what_helps(loose, server, cause):
    loose.add_init_script(UNABLE[cause])
    loose.goto(server.url + "offline.html")
    expect(switch(loose, "unable").locator(".said")).to_contain_text(cause)
    expect(loose.locator(".said")).to_contain_text("The archive below needs none of this")
    assert loose.locator("offline-copy").get_by_role("button").count() == 0


FULL = "() => { Cache.prototype.put = async () => { throw new DOMException('full', 'QuotaExceededError') } }"


@pytest.mark.parametrize(
    ("pattern", "kind", "told"),
    [
        (None, None, "There is no room"),
        (r"/offline\.json", "404", "offline.json: HTTP 404"),
        (r"/editor-", "damaged", "not the file that the list names"),
        (r"/numpy-", "half", "broken off after"),
        (r"/offline-worker\.js", "404", "404"),
    ],
)
def test_what_fails_is_told_and_not_kept_and_tried_again(loose, server, pattern, kind, told):
    loose.goto(server.url + "offline.html")
    switch(loose, "off").wait_for()
    if pattern is None:
        loose.evaluate(FULL)
    else:
        fail(server, pattern, kind)
    press(loose, "Keep it on this device")
    expect(loose.locator(".said")).to_contain_text(told)
    assert loose.evaluate(REGISTERED) == []
    stored = loose.evaluate("caches.keys().then((all) => all.length)") and held(loose, server)
    assert not any(re.search(pattern or "/main-", f"/{url}") for url in stored or ())
    heal(server)
    loose.reload()
    loose.locator("offline-copy button:visible").first.click()
    switch(loose, "on").wait_for()


# ---- the archive


@pytest.fixture(scope="module")
def archive(project, tmp_path_factory):
    out = tmp_path_factory.mktemp("archive") / "site"
    run_build("archive", "--out", out, root=project)
    return out


def test_the_archive_is_the_site_and_its_page_tells_its_size(archive, project):
    with zipfile.ZipFile(archive / "llm-internals.zip") as packed:
        assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        names = {entry.removeprefix("llm-internals/"): packed.read(entry) for entry in packed.namelist()}
    assert b"python3 -m http.server" in names.pop("README.txt")
    site = project / "site"  # as `build` makes it
    assert names == {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}
    size = (archive / "llm-internals.zip").stat().st_size
    assert f"{size / 1e6:.1f} MB" in (archive / "offline.html").read_text()
    assert b"llm-internals.zip" not in names["offline.html"]
    assert not any("zip" in path and "/" not in path for path, *_ in listed(archive))


def test_unpacked_anywhere_it_works_from_pythons_own_server_alone(context, archive, tmp_path):
    folder = tmp_path / "é und Träume"
    shutil.unpack_archive(archive / "llm-internals.zip", folder)
    with plain_server(folder / "llm-internals") as url:
        refused = []
        context.route(lambda address: not address.startswith(url), lambda route: (refused.append(route), route.abort()))
        page = context.new_page()
        page.goto(url + "lab.html")
        move(page, "model")
        live(page, "model")
        expect(page.locator(READY)).to_be_attached()
        assert not refused


@contextmanager
def plain_server(folder: Path):
    command = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield re.search(r"http://\S+/", process.stdout.readline()).group()
    finally:
        process.kill()
        process.wait()
