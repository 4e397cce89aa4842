"""What is the reader's: kept while it can be, told where its place is gone, saved to a file and loaded. In Chromium."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.builder.test_asked import MODULE
from tests.conftest import make_project, run_build, serving
from tests.reader import SAVES_DATA

pytestmark = pytest.mark.browser

PAGE = """[[code double]]

/// predict | More?
It is {less, more}.
///

[[exercise triple_it]]

/// question | Why?
Because.
///
"""
MINE = "def double(x):\n    return 5 * x\n"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    add = make_project(tmp_path_factory.mktemp("kept") / "project")
    add("one", PAGE, MODULE)
    run_build("build", root=add.root)
    with serving(add.root / "site") as server:
        yield server.url


@pytest.fixture
def context(context):
    """Python is never asked for here."""
    context.add_init_script(SAVES_DATA)
    return context


def cell(page):
    return page.locator("code-cell")


def write(page, text=MINE):
    cell(page).get_by_role("button", name="Edit").click()
    cell(page).locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)


def stored(page, kind):
    return page.evaluate("(kind) => JSON.parse(localStorage.getItem(`llm-internals:${kind}`))", kind)


def store(page, **kinds):
    for kind, value in kinds.items():
        page.evaluate(
            "([kind, text]) => localStorage.setItem(`llm-internals:${kind}`, text)", [kind, json.dumps(value)]
        )


def opened(page):
    cell(page).get_by_role("button", name="Edit").click()
    return cell(page).locator(".cm-content")


def test_what_is_written_is_there_again_on_another_day(page, url):
    page.goto(url + "one.html")
    write(page)
    expect(page).to_have_url(re.compile("code.double"))  # it has rested, and so is kept
    page.goto(url + "one.html#")  # without the state in its address
    page.reload()
    expect(cell(page).locator(".code-status")).to_contain_text("is kept.")
    expect(opened(page)).to_contain_text("return 5 * x")
    cell(page).get_by_role("button", name="Reset").click()
    page.goto(url + "yours.html")
    expect(page.locator("what-is-yours")).to_contain_text("Nothing yet")


def test_code_that_was_changed_since_says_so_and_gives_the_readers_text(page, url):
    page.goto(url + "one.html")
    then = {"day": "2026-11-30", "of": "another"}
    store(page, code={"one#code.double": {"text": MINE, **then}})
    store(page, passed=["one.triple_it"], passes={"one.triple_it": then})
    page.reload()
    said = "What you wrote on 30 November 2026 is kept. The code here has changed since; yours may not fit it."
    expect(cell(page).locator(".code-status")).to_have_text(said)
    expect(page.locator("code-exercise .code-status")).to_have_text("✓ You have passed this one; it has changed since.")
    expect(opened(page)).to_contain_text("return 5 * x")
    page.goto(url + "yours.html")
    expect(page.get_by_text("This function has changed since: your text may not fit it.")).to_be_visible()
    expect(page.get_by_text("This exercise has changed since.")).to_be_visible()


def test_what_has_lost_its_place_is_told_on_its_page_and_can_be_copied(page, url):
    page.goto(url + "one.html")
    gone = {"text": MINE, "day": "2026-11-30", "of": "x"}
    guess = {"ask": "Once?", "guess": "Yes", "right": True, "day": "2026-11-30"}
    store(page, code={"one#code.gone": gone, "lost#code.f": gone}, guesses={"one#guess-00000000": guess})
    page.reload()
    expect(page.locator("kept-note")).to_contain_text("2 things")
    page.locator("kept-note a").click()
    texts = page.locator(".things > li")
    expect(texts).to_have_count(3)
    expect(texts.nth(0)).to_contain_text("This function is no longer on its page.")
    expect(texts.nth(1)).to_contain_text("Its page is no longer there.")
    expect(texts.nth(2)).to_contain_text("This question is no longer on its page")
    texts.nth(0).locator("summary").click()
    assert texts.nth(0).locator("pre").text_content() == MINE


def test_a_link_takes_no_text_of_the_readers_away(page, url):
    page.goto(url + "one.html")
    write(page, "def double(x):\n    return 7 * x\n")
    expect(page).to_have_url(re.compile("code.double"))
    link = page.url
    page.evaluate("localStorage.clear()")
    store(page, code={"one#code.double": {"text": MINE, "day": "2026-11-30", "of": "x"}})
    page.goto("about:blank")
    page.goto(link)
    expect(cell(page).locator(".code-status")).to_contain_text("This code came with the link. Your own is kept.")
    assert stored(page, "code")["one#code.double"]["text"] == MINE
    cell(page).locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text("# mine now")
    page.goto(url + "yours.html")
    expect(page.locator("h2", has_text="Set aside")).to_be_visible()
    assert [row["text"] for row in stored(page, "earlier")] == [MINE]
    assert "# mine now" in stored(page, "code")["one#code.double"]["text"]


def test_a_guess_is_remembered_and_can_be_made_again(page, url):
    page.goto(url + "one.html")
    page.get_by_role("button", name="More").click()
    ((name, kept),) = stored(page, "guesses").items()
    assert name.startswith("one#guess-") and (kept["ask"], kept["guess"], kept["right"]) == ("More?", "More", False)
    page.goto(url + "practice.html")
    expect(page.get_by_text("You guessed “More”: not quite.")).to_be_visible()
    page.goto(url + "one.html")
    expect(page.locator("predict-block summary")).to_contain_text("You guessed “More” on")
    page.get_by_role("button", name="Less").click()
    expect(page.get_by_text("Right.", exact=True)).to_be_visible()


def test_what_another_version_stored_is_set_aside_before_it_is_overwritten(page, url):
    page.goto(url + "one.html")
    page.evaluate("localStorage.setItem('llm-internals:read', '{broken')")
    page.get_by_role("button", name="I have read this").click()
    assert stored(page, "read") == ["one"]
    assert [(row["name"], row["text"], row["why"]) for row in stored(page, "earlier")] == [
        ("read", "{broken", "damaged")
    ]


def test_where_nothing_can_be_stored_a_mark_lasts_as_long_as_the_page(page, url):
    page.add_init_script("Storage.prototype.setItem = () => { throw new Error('refused') }")
    page.goto(url + "one.html")
    page.get_by_role("button", name="I have read this").click()
    expect(page.locator("read-mark button")).to_have_attribute("aria-pressed", "true")
    write(page)
    expect(page.locator("#notice")).to_contain_text("refuses to keep what you write")


# ---- the file


def test_all_goes_to_a_file_and_comes_back_from_it(page, url, tmp_path):
    page.goto(url + "yours.html")
    entry = {"text": MINE, "day": "2026-11-30", "of": "x"}
    store(page, code={"one#code.double": entry}, read=["one"], passed=["one.triple_it"])
    page.evaluate("localStorage.setItem('llm-internals:theme', 'dark')")
    page.reload()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save to a file").first.click()
    path = tmp_path / "kept.json"
    download.value.save_as(path)
    assert json.loads(path.read_text())["code"] == {"one#code.double": entry}
    page.get_by_role("button", name="Forget all …").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    assert stored(page, "read") == ["one"]
    page.get_by_role("button", name="Forget all …").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget all").click()
    expect(page.locator("what-is-yours")).to_contain_text("Nothing yet")
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('llm-internals:'))") == []
    page.locator("input[type=file]").set_input_files(path)
    expect(page.locator(".said")).to_contain_text("Loaded kept.json. Nothing that was here is lost.")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert stored(page, "code") == {"one#code.double": entry}
    path.write_text(path.read_text()[:100])
    page.locator("input[type=file]").set_input_files(path)
    expect(page.locator(".said.bad")).to_contain_text("kept.json was not loaded. It is no JSON")
    assert stored(page, "code") == {"one#code.double": entry}


def test_the_browser_is_asked_by_the_readers_act_and_the_page_says_what_it_answered(page, url):
    page.add_init_script(
        "let asked = 0; Object.defineProperty(navigator, 'storage', { value: { persisted: async () => false, "
        "persist: async () => (window.asked = ++asked) > 1 } })"
    )
    page.goto(url + "yours.html")
    expect(page.locator("main").get_by_text("This browser has promised nothing")).to_be_visible()
    assert page.evaluate("window.asked") is None
    page.get_by_role("button", name="Ask the browser to keep it").click()
    expect(page.locator("main").get_by_text("The browser was asked, and said no.")).to_be_visible()
    page.get_by_role("button", name="Ask the browser to keep it").click()
    expect(page.locator("main").get_by_text("The browser was asked, and said yes")).to_be_visible()


# ---- practice


def test_practice_shows_what_is_not_yet_done(page, url):
    page.goto(url + "practice.html")
    items = page.locator("[data-kind]:visible")
    expect(items).to_have_count(3)
    expect(page.locator(".counts")).to_have_text(
        "Shown: 0 of 1 exercises passed, 0 of 1 questions that you can answer, 0 of 1 guesses made."
    )
    page.get_by_label("I can answer this").check()
    page.locator("select[name=state]").select_option("not yet done")
    expect(items).to_have_count(2)
    page.locator("select[name=kind]").select_option("exercises")
    expect(items).to_have_count(1)
    page.locator("[data-answer] summary:visible").click()
    expect(page.get_by_text("It is more than double.")).to_be_visible()
    store(page, passed=["one.triple_it"])
    page.reload()
    expect(page.get_by_text("✓ passed")).to_be_visible()
    expect(page.get_by_label("I can answer this")).to_be_checked()


def test_practice_prints_questions_with_room_and_no_answers(page, url):
    page.goto(url + "practice.html")
    page.emulate_media(media="print")
    expect(page.get_by_text("Because.")).to_be_hidden()
    expect(page.locator(".practice-tools")).to_be_hidden()
    assert page.locator('[data-kind="question"]').bounding_box()["height"] > 50


def test_practice_without_javascript_is_a_list_with_links(browser, url):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(url + "practice.html")
    expect(page.get_by_role("link", name="Triple it")).to_be_visible()
    page.get_by_role("link", name="Its answer").click()
    expect(page).to_have_url(re.compile("one.html#question-"))
    context.close()
