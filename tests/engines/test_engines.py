"""Every page in Firefox and in WebKit, and a short journey over the site: `make test-browsers`.

What the readers of these browsers see is held against CPython, as in tests/browser/test_numbers.py. What can be tried
in Chromium is tried there; here is what differs between engines: whether pages answer at all, with which numbers, how
they are laid out, what their keys, clipboards and histories do, and what an inserted element costs.
"""

import json

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from builder.figure.grid import plain
from tests.browser.test_numbers import numbers_agree, without_rounding
from tests.browser.test_pages import PAGES, TOPICS
from tests.browser.test_squeeze import deflated
from tests.engines.drivers import PATIENCE, START, browser, screen
from tests.topics.test_content import DEMOS
from tests.topics.test_exercises import EXERCISES
from topics.kit.page.demo import defaults, views_of
from topics.kit.page.exercise import solution_source

FIREFOX, OTHERS = 15, 5  # ms that an inserted element may cost: Firefox takes up to 9; WebKit once took 485
NARROW = (447, 375, 320)  # CSS pixels; at 447 a page of WebKit's could once be pushed sideways
MODEL = 1e-4  # of the scale: the house model runs in float32
NOISE = {"scaled_loss": 1e-3}  # it counts gradients by size, and the smallest of them are what float32 leaves of sums


@pytest.fixture(scope="module", autouse=True)
def a_screen():
    with screen():
        yield


@pytest.fixture(scope="module", params=START)
def driver(request, a_screen):
    with browser(request.param) as started:
        yield started


# ---- small words


def css(driver, selector):
    return driver.find_element(By.CSS_SELECTOR, selector)


def until(driver, condition, what):
    return WebDriverWait(driver, PATIENCE, poll_frequency=0.1).until(condition, f"it did not come to hold: {what}")


def there(driver, selector):
    return until(driver, lambda d: d.find_elements(By.CSS_SELECTOR, selector), selector)[0]


def text_of(driver, selector):
    """Also of what only a screen reader is told."""
    return css(driver, selector).get_property("textContent")


def says(driver, selector, text):
    until(driver, lambda d: text in text_of(d, selector), f"{selector} says {text}")


def run(driver, script, *arguments):
    """The value of the body of an async function, in the page."""
    wrapped = f"const args = [...arguments], done = args.pop(); (async () => {{ {script} }})()"
    return driver.execute_async_script(f"{wrapped}.then(done, (error) => done(String(error)))", *arguments)


def wake(driver):
    """Give a sign of life, and wait until Python is there."""
    css(driver, "body").send_keys(Keys.SHIFT)
    there(driver, 'html[data-python="ready"]')


# ---- every page

LIVE = """
  const demo = document.getElementById(args[0]), end = performance.now() + args[1];
  demo.scrollIntoView();
  const over = () => ["live", "error"].includes(demo.state) || performance.now() > end;
  while (!over()) await new Promise((resolve) => setTimeout(resolve, 20));
  const list = (_, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
  if (demo.state === "live") return JSON.stringify(demo.views, list);
  return `${demo.state}: ${demo.querySelector(".demo-status").textContent}`;
"""

COST = """
  const place = document.querySelector(".demo-views") ?? document.querySelector("main");
  const cost = (kind) => {
    const costs = [];
    for (let i = 0; i < 9; i++) {
      const element = document.createElement(kind);
      const start = performance.now();
      place.append(element);
      element.getBoundingClientRect();
      getComputedStyle(element).color;
      costs.push(performance.now() - start);
      element.remove();
    }
    return Math.min(...costs); // what a busy machine adds is not the page’s
  };
  return Math.max(...["span", "button", "progress", "output"].map(cost));
"""
WIDER = "return document.documentElement.scrollWidth - innerWidth"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_never_pushed_sideways_and_takes_an_element_at_once(driver, server, name):
    driver.get(f"{server.url}{name}.html")
    firefox = driver.capabilities["browserName"] == "firefox"
    assert run(driver, COST) <= (FIREFOX if firefox else OTHERS)
    if not firefox:
        return  # WebKitGTK's MiniBrowser loses a page that is made narrow
    try:
        for width in NARROW:
            driver.set_window_rect(0, 0, width, 900)
            assert driver.execute_script(WIDER) <= 0, width
    finally:
        driver.set_window_rect(0, 0, 1280, 1000)


def agree(function, there):
    here = json.loads(json.dumps(plain(views_of(function, defaults(function)), digits=None)))
    if function.kind == "instant":
        return numbers_agree(without_rounding(here), without_rounding(there))
    return close(without_rounding(here), without_rounding(there), NOISE.get(function.__name__, MODEL))


def close(here, there, near):
    """What float32 computed: numbers to `near` of the scale of their list; texts may tell a last digit otherwise."""
    if isinstance(here, dict):
        for key in here.keys() & there.keys():
            close(here[key], there[key], near)
    elif isinstance(here, list):
        assert len(here) == len(there)
        if here and all(isinstance(x, int | float) for x in here):
            assert there == pytest.approx(here, abs=near * max(1e-9, *map(abs, here)))
        else:
            for pair in zip(here, there, strict=True):
                close(*pair, near)
    elif isinstance(here, float) and isinstance(there, float):
        assert there == pytest.approx(here, rel=near, abs=1e-6)


def demos_of(slug):
    found = [case.values[0] for case in DEMOS]
    return [f for f in found if f.__module__.split(".")[1] == slug and f.kind != "live"]


@pytest.mark.parametrize("slug", TOPICS)
def test_every_demo_answers_with_cpythons_numbers(driver, server, slug):
    driver.get(f"{server.url}{slug}.html")
    wake(driver)
    shown = driver.execute_script("return [...document.querySelectorAll('llm-demo')].map((demo) => demo.id)")
    for function in demos_of(slug):
        if (id := f"demo-{function.__name__}") not in shown:
            continue
        answer = run(driver, LIVE, id, 1000 * PATIENCE)
        assert answer[0] == "[", f"{id}: {answer}"
        agree(function, json.loads(answer))


# ---- a journey


def press(driver, selector, *keys):
    css(driver, selector).send_keys(*keys)


def click(driver, selector):
    element = there(driver, selector)
    driver.execute_script("arguments[0].scrollIntoView({ block: 'center' })", element)
    element.click()


def exercise_link(slug, function):
    code = deflated(solution_source(function).encode())
    return f"{slug}.html#exercise.{function.__name__}:text={code}"


def test_a_journey_over_the_site(driver, server):
    # the index, its theme, and a link
    driver.get(server.url)
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = driver.execute_script(ground)
    driver.execute_script("""const select = document.querySelector("theme-switch select");
      select.value = "dark"; select.dispatchEvent(new Event("change"))""")
    assert driver.execute_script(ground) != light
    driver.get(f"{server.url}kv_cache.html")
    assert driver.execute_script(ground) != light, "the choice is kept"

    # a guess, then a slider by keyboard
    click(driver, "predict-block .guess")
    there(driver, "predict-block .verdict")
    demo, slider = "#demo-memory_calculator", "#demo-memory_calculator input[type=range]"
    before = text_of(driver, f"{demo} .demo-views")
    press(driver, slider, Keys.ARROW_LEFT, Keys.ARROW_LEFT)  # it opens at its end
    there(driver, f"{demo}[state=live]")
    until(driver, lambda d: text_of(d, f"{demo} .demo-views") != before, "what is shown follows")
    until(driver, lambda d: "memory_calculator:" in d.current_url, "the address follows")

    # one click copies the link
    click(driver, f"{demo} [data-tool=link]")
    says(driver, f"{demo} [data-tool=link]", "Copied")

    # an edit runs, and Reset takes it back
    click(driver, "code-cell [data-run]")
    there(driver, "code-cell .cm-content")
    press(driver, "code-cell .cm-content", Keys.CONTROL, Keys.END)
    press(driver, "code-cell .cm-content", Keys.END, "  # mine")
    click(driver, "code-cell [data-run]")
    says(driver, "code-cell .code-status", "The demos on this page use your code now.")
    click(driver, "code-cell [data-reset]")
    says(driver, "code-cell .code-status", "The original again.")

    # the house model
    model = next(f for f in demos_of("kv_cache") if f.kind == "model")
    answer = run(driver, LIVE, f"demo-{model.__name__}", 1000 * PATIENCE)
    assert answer[0] == "[", answer
    agree(model, json.loads(answer))

    # to another page, and back to the state that was left
    click(driver, ".neighbours a[rel=next]")
    until(driver, lambda d: "kv_cache" not in d.current_url, "the link leads on")
    driver.back()
    until(driver, lambda d: "kv_cache.html#memory_calculator:" in d.current_url, "Back leads back")
    there(driver, f"{demo}[state=live]")
    assert text_of(driver, f"{demo} .demo-views") != before

    # an answer to an exercise comes with a link, and passes
    name, function = next((name, f) for name, f in EXERCISES.items() if name.startswith("kv_cache."))
    driver.get("about:blank")
    driver.get(server.url + exercise_link("kv_cache", function))
    cell = f'code-exercise[name="{name}"]'
    there(driver, f"{cell} .cm-content")
    click(driver, f"{cell} [data-run]")
    there(driver, f"{cell}[state=passed], {cell}[state=failed]")
    says(driver, f"{cell} .code-status", "Passed")

    # a search
    css(driver, "body").send_keys("/")
    there(driver, "dialog.search input").send_keys("bandwidth roofline")
    there(driver, "#search-results a")
    press(driver, "dialog.search input", Keys.ENTER)
    until(driver, lambda d: not d.find_elements(By.CSS_SELECTOR, "dialog.search"), "the search closes")
    until(driver, lambda d: "#" in d.current_url and "text=" not in d.current_url, "Enter goes there")
