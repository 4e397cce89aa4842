"""A page's demos one at a time, for a hall: keys, focus, place in the address; leaving restores the page."""

import pytest
from playwright.sync_api import expect

from tests.reader import eventually

SIZES = [(1280, 720), (1920, 1080), (1024, 768)]


@pytest.fixture
def lecture(page, server):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(server.url + "kv_cache.html")
    expect(page.locator("html")).to_have_attribute("data-script", "on")
    return page


def place(page):
    return page.locator(".lecture-bar output")


def shown(page):
    return page.locator(".presented")


def test_keys_step_without_stealing_from_a_slider_and_escape_restores_the_page(lecture):
    page = lecture
    names = page.evaluate(NAMES)
    assert any(name.startswith("guess.") for name in names), "a question is shown before its answer"
    page.evaluate("scrollTo(0, 0)")
    page.locator("lecture-mode button").focus()
    before = page.evaluate("scrollY")
    page.keyboard.press("f")
    expect(place(page)).to_have_text(f"1 of {len(names)}")
    assert page.evaluate("document.activeElement === document.querySelector('.presented')")
    for key, at in [("ArrowRight", 2), ("PageDown", 3), ("PageUp", 2), ("ArrowLeft", 1), ("ArrowLeft", 1)]:
        page.keyboard.press(key)
        expect(place(page)).to_have_text(f"{at} of {len(names)}")
    slider = shown(page).locator("input[type=range]").first
    was = slider.input_value()
    slider.press("ArrowLeft")
    assert slider.input_value() != was
    expect(place(page)).to_have_text(f"1 of {len(names)}")
    slider.press("PageDown")  # a clicker's
    expect(place(page)).to_have_text(f"2 of {len(names)}")
    eventually(page, lambda: f"lecture:at={names[1]}" in page.evaluate("decodeURIComponent(location.hash)"))
    page.keyboard.press("Tab")
    assert page.evaluate("!!document.activeElement.closest('.presented, .lecture-bar')"), "the rest can't be reached"
    page.keyboard.press("Escape")
    expect(shown(page)).to_have_count(0)
    expect(page.locator("html")).not_to_have_class("lecture")
    assert page.evaluate("scrollY") == before
    assert page.evaluate("!!document.activeElement.closest('lecture-mode')")
    eventually(page, lambda: "lecture" not in page.evaluate("location.hash"))


def test_a_link_opens_at_its_demo_in_large_type_and_fits_projectors(page, server):
    page.add_init_script("Element.prototype.requestFullscreen = undefined")  # an iPhone
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(server.url + "kv_cache.html#lecture:at=memory_calculator")
    expect(page.locator("#demo-memory_calculator")).to_have_class("presented")
    page.keyboard.press("Shift")
    expect(page.locator("#demo-memory_calculator")).to_have_attribute("state", "live")
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        eventually(page, lambda: page.evaluate(SMALLEST) >= 24)
        wide = shown(page).evaluate("(slide) => slide.scrollWidth - slide.clientWidth")
        assert wide <= 0, (width, wide)
    page.locator("[data-leave]").click()
    expect(shown(page)).to_have_count(0)


NAMES = "[...document.querySelectorAll('.topic :is(predict-block, llm-demo)')].map((slide) => slide.linkName)"

# px of the smallest text in sight, those of the figure included
SMALLEST = """(() => {
  const says = (node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
  const seen = (node) => node.checkVisibility({ visibilityProperty: true }) && !node.closest(".figure-alt, .katex");
  const texts = [...document.querySelectorAll(".presented *")].filter((node) => says(node) && seen(node));
  return Math.min(...texts.map((node) => parseFloat(getComputedStyle(node).fontSize)));
})()"""
