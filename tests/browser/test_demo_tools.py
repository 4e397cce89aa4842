"""What a reader can do with a demo besides moving it: type, pin, share, save, project, print, read a matrix."""

import csv
import io
import json
import re
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import expect

from tests.conftest import make_project, run_build, serving
from tests.reader import DESKTOP, at_rest, eventually, visit, warm_tab

JS = Path(__file__).resolve().parents[2] / "templates/static/js"

LAB = '''"""One demo with every kind of control, and demos for each kind of view."""
import numpy as np

from topics.kit import Badge, Choice, Figure, Frame, LogSlider, Matrix, Metrics, Scores, Seed, Slider, Steps
from topics.kit import Table, Text, Toggle, bars, demo, heatmap, label, line, points

x = np.arange(5)


@demo(
    n=Slider("Slope", -1.0, 1.0, value=0.5, step=0.25, unit="m/s"),
    T=LogSlider("Tokens", 128, 4096, value=512, unit="tokens"),
    few=Choice("Heads", (1, 8, 32), value=8),
    many=Choice("Model", ("a = b; c", "one & two", "drei %41", "vier:fünf", "8 × H100"), value="one & two"),
    broken=Toggle("Break it"),
    text=Text("Your text", "The cat"),
    seed=Seed(),
)
def every(n, T, few, many, broken, text, seed):
    """One of each."""
    said = f"{n} {T} {few} {many} {broken} {text} {seed}"
    return Figure([line(x, n * x, "rise", "key"), points([2], [2 * n], "here", "query")], "Time (s)", "Way (m)",
                  alt=said), Metrics(("said", said, "")), Table(["a", "b (m)"], [["p, q", n]], "Pairs")


@demo(n=Slider("N", 0, 9, value=2), m=Slider("M", 1, 3, value=1))
def stacked(n, m):
    """Two bars on each other."""
    names = ["fixed", f"n is {n}"]
    return Figure([bars(names, [1, n], "first", "key"), bars(names, [m, m], "second", "query")], "", "Size (GiB)",
                  alt=f"{n} and {m}.", barmode="stack", yaxis={"range": [0, n + m + 1]})


@demo(n=Slider("N", 0, 9, value=2))
def warm(n):
    """A heatmap is not pinned."""
    return Figure([heatmap([[0, n], [1, 2]], ["a", "b"], ["c", "d"], "z", "key")], "x", "y", alt=f"Heat {n}.")


@demo(n=Slider("N", 0, 9, value=2))
def behind(n):
    """What changes stands behind the figure."""
    return (Figure([line(x, x, "rise", "key")], "Time (s)", "Way (m)", alt="Always so."), Metrics(("Steps", n, "m")),
            Table(["a", "b (m)"], [["p", n], ["q", 5]]))


@demo(n=Slider("N", 2, 9, value=2))
def grid(n):
    """A matrix with its arithmetic, in steps."""
    why = [["1 + 1", "1 + 2"], ["2 + 1", None], ["3 + 1", "3 + 2 and a long explanation " * 5]]
    frames = [Frame(f"Step {i}.", Matrix([[n, 3], [3, 4], [4, 5]], "abc", "xy", "Sums", why=why)) for i in range(3)]
    return Steps(*frames), Badge("none", 0.0, 1e-12)


@demo(n=Slider("N", 1, 9, value=2))
def map(n):
    """A map of weights with queries and keys behind it."""
    q, k = np.array([[1.0, 0.0], [n, 2.0]]), np.array([[1.0, 1.0], [0.0, 3.0]])
    s = q @ k.T / np.sqrt(2)
    w = np.exp(s[1]) / np.exp(s[1]).sum()
    return Matrix([[1.0, None], w.tolist()], "rs", "pq", "Map", why=Scores(q, k)), Badge("none", 0.0, 1e-12)


@demo("live", n=Slider("N", 0, 9, value=2), lines=Text("Lines", "one\\ntwo", lines=3))
def later(n, lines):
    """Runs on its button."""
    return Figure([line(x, n * x, "rise", "key")], "x", "y", alt=f"Slope {n}."), Metrics(("n", n, ""))
'''
NAMES = ("every", "stacked", "warm", "grid", "map", "later", "behind")


@pytest.fixture(scope="session")
def tools_dir(tmp_path_factory):
    root = tmp_path_factory.mktemp("tools") / "project"
    add = make_project(root)
    demos = "\n\n".join(f"[[demo {name}]]" for name in NAMES)
    add("lab", f"{demos}\n\n## A heading\n\n$$a = b$$ {{#eq:bytes}}\n\n[Other](other.md)\n", LAB)
    add("other", "[[demo warm]]\n\n[Lab](lab.md)\n", LAB)
    run_build("build", root=root)
    return root / "site"


@pytest.fixture(scope="module")
def lab(tools_dir):
    with serving(tools_dir) as server:
        yield server.url + "lab.html"


@pytest.fixture(scope="module")
def tab(browser, lab):
    yield from warm_tab(browser, lab)


@pytest.fixture
def warm(tab, lab):
    """The lab's page as it comes, in a tab whose Python is warm."""
    yield visit(tab, lab)
    at_rest(tab)


def demo(page, name):
    return page.locator(f"#demo-{name}")


def control(page, name, of="every"):
    return demo(page, of).locator(f'[data-control="{name}"]')


def tool(page, name, of):
    return demo(page, of).locator(f'[data-tool="{name}"]')


def alt(page, of="every"):
    return demo(page, of).locator(".figure-alt")


def go_live(page, name="every"):
    demo(page, name).scroll_into_view_if_needed()
    expect(demo(page, name)).to_have_attribute("state", "live")


def fragment(page):
    return page.evaluate("decodeURIComponent(location.hash)")


def settles(page, text):
    """The address follows when a demo rests."""
    eventually(page, lambda: fragment(page) == text)


def set_fragment(page, text):
    """As a followed link would; what the page makes of it has been made when this returns."""
    page.evaluate(
        """(text) => new Promise((resolve) => {
          addEventListener("hashchange", () => setTimeout(resolve), { once: true });
          location.hash = text;
        })""",
        text,
    )


def count_answers(page, of="every"):
    """The demo counts in data-answers how often it has painted one from here on."""
    demo(page, of).evaluate(
        """(demo) => { let answers = 0;
        demo.addEventListener("painted", () => (demo.dataset.answers = ++answers)); }"""
    )


in_browser = pytest.mark.browser


# ---- link.js by itself


def node(expression):
    """The value of an expression that uses link.js as L, Maps as lists of pairs."""
    script = (
        f'import * as L from "{(JS / "page/link.js").as_uri()}";'
        f'import * as D from "{(JS / "demo/download.js").as_uri()}";'
        f'import * as V from "{(JS / "demo/views.js").as_uri()}";'
        f'import * as P from "{(JS / "demo/pin.js").as_uri()}";'
        f'import * as N from "{(JS / "demo/number.js").as_uri()}";'
        "console.log(JSON.stringify("
        f"{expression}, (_, v) => v instanceof Map ? [...v] : v))"
    )
    done = subprocess.run(["node", "--input-type=module", "-e", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


NASTY = ["", "a=b&c;d:e#f", "100 %", "%41", "ünïcödé 🐈", "\ud83d", "<script>", "line\nbreak", "x" * 200]


def test_a_link_is_readable():
    state = '[["memory_calculator", new Map([["T", "8192"], ["name", "Llama-2-7B"]])], ["race", new Map()]]'
    assert node(f"L.formatLink({state})") == "memory_calculator:T=8192&name=Llama-2-7B;race:"


def test_whatever_is_written_is_read_again():
    values = [[f"c{i}", text] for i, text in enumerate(NASTY)]
    state = f'new Map([["one", new Map({json.dumps(values)})], ["two", new Map([["b", "0.5"]])]])'
    whole = [[name, "\ufffd" if text == "\ud83d" else text] for name, text in values]
    assert node(f'L.parseLink("#" + L.formatLink({state}))') == [["one", whole], ["two", [["b", "0.5"]]]]


@pytest.mark.parametrize("text", ["", "#", "#eq-bytes", "#ref-dao2022", "#a:b=%E0%A", "#:T=1", "#;;;", "#a b:c=1",
                                  "#a:b=" + "x" * 50_000])  # fmt: skip
def test_what_is_no_link_of_ours_gives_no_state(text):
    assert node(f"L.parseLink({json.dumps(text)})") == []


# What programs make of an address before it is followed.
ON_THE_WAY = {
    "its separators encoded": lambda link: re.sub("[:=&;]", lambda sign: quote(sign[0], safe=""), link),
    "encoded whole": lambda link: quote(link, safe=""),
    "encoded twice": lambda link: quote(quote(link, safe=""), safe=""),
    "in brackets": lambda link: f"{link})",
    "before a full stop": lambda link: f"{link}.",
    "in a quotation": lambda link: f"{link}”.",
    "in bold": lambda link: f"{link}**",
    "in lower case": lambda link: re.sub("%[0-9A-F]{2}", lambda code: code[0].lower(), link),
    "with its spaces": lambda link: link.replace("%20", " "),
}


@pytest.mark.parametrize("what", ON_THE_WAY)
def test_a_link_survives_what_programs_do_to_it(what):
    values = [[f"c{i}", text] for i, text in enumerate([*NASTY, "The cat.", "(a)", "a*", "S0_-", "~", "0.5", "'q'"])]
    values = [[name, text] for name, text in values if text not in ("\ud83d", "%41")]  # half a sign, and half a code
    link = node(f'L.formatLink([["one", new Map({json.dumps(values)})], ["two", new Map([["b", "x."]])]])')
    assert re.fullmatch(r"[\w.:=&;%-]*\w", link), "nothing in it, and no end of it, is punctuation"
    sent = ON_THE_WAY[what](link)
    assert node(f"L.parseLink({json.dumps('#' + sent)})") == [["one", values], ["two", [["b", "x."]]]]


TENTHS, TOKENS, EVERY = [i / 10 for i in range(21)], [1024, 2048, 4096, 131_072], [1024 * i for i in range(1, 129)]
READ = [("0,5", TENTHS, 0.5), (",5", TENTHS, 0.5), ("1.", TENTHS, 1), ("0٫5", TENTHS, 0.5), ("1/2", TENTHS, 0.5),
        ("128k", EVERY, 128_000), ("128 K tokens", EVERY, 128_000), ("128Ki", TOKENS, 131_072), ("1,5k", [1500], 1500),
        ("131.072", TOKENS, 131_072), ("131,072", TOKENS, 131_072), ("131 072", TOKENS, 131_072),
        ("131’072", TOKENS, 131_072), ("1.024 tokens", TOKENS, 1024), ("1.5", [1.5, 15], 1.5), ("1e3", TOKENS, 1000),
        ("12,34,567", [1_234_567], 1_234_567), ("1.234,5", [1234.5], 1234.5), ("1,234.5", [1234.5], 1234.5),
        ("−1", [-1, 1], -1), ("– 1", [-1, 1], -1), ("1e−1", TENTHS, 0.1), ("\u200e5\u200f", [5], 5),
        ("١٢٨", [128], 128), ("१२८", [128], 128), ("１２８", [128], 128), ("7B", [7e9], 7e9)]  # fmt: skip


@pytest.mark.parametrize(("text", "stops", "value"), READ)
def test_a_number_is_read_as_people_write_it(text, stops, value):
    assert node(f'N.readNumber({json.dumps(text)}, {stops}, "tokens")') == value


@pytest.mark.parametrize("text", ["", "much", "1.2.3", "1,2,3", "1 2", "10²", "½", "2^10", "5-", "--5", "0x10", "NaN",
                                  "Infinity", "1e999", "1/0", "1/2/3", "5 apples", "50%", "≈5", "一二"])  # fmt: skip
def test_what_is_only_half_a_number_is_none(text):
    assert node(f'N.readNumber({json.dumps(text)}, {TENTHS}, "tokens")') is None


def test_a_name_from_the_prototype_is_a_name_like_any_other():
    assert node('L.parseLink("#__proto__:constructor=1;constructor:__proto__=2")') == [
        ["__proto__", [["constructor", "1"]]],
        ["constructor", [["__proto__", "2"]]],
    ]
    assert node("({}).constructor.name") == "Object"


# ---- links in the page

STILL = "0.5 512 8 one & two False The cat 0"  # what the demo says at its defaults
MOVED = {
    "n": ("every:n=-0.25", "−0.25 512 8 one & two False The cat 0"),
    "T": ("every:T=2048", "0.5 2048 8 one & two False The cat 0"),
    "few": ("every:few=32", "0.5 512 32 one & two False The cat 0"),
    "many": ("every:many=a %3D b%3B c", "0.5 512 8 a = b; c False The cat 0"),
    "broken": ("every:broken=on", "0.5 512 8 one & two True The cat 0"),
    "text": ("every:text=50 %25 %26 %23more%3B <b>", "0.5 512 8 one & two False 50 % & #more; <b> 0"),
    "seed": ("every:seed=7", "0.5 512 8 one & two False The cat 7"),
}


def move(page, name):
    where = control(page, name)
    if name in ("n", "T"):
        where.locator("input[type=range]").focus()
        for _ in range(3 if name == "n" else 2):
            page.keyboard.press("ArrowLeft" if name == "n" else "ArrowRight")
    elif name == "few":
        where.get_by_label("32").check(force=True)
    elif name == "many":
        where.locator("select").select_option("a = b; c")
    elif name == "broken":
        where.get_by_label("Break it").check()
    else:
        where.locator("input").fill({"text": "50 % & #more; <b>", "seed": "7"}[name])


@in_browser
@pytest.mark.parametrize("name", MOVED)
def test_the_state_of_every_kind_of_control_goes_round_by_link(warm, lab, name):
    go_live(warm)
    move(warm, name)
    written, shown = MOVED[name]
    expect(alt(warm)).to_have_text(shown)
    settles(warm, f"#{written}")
    link = warm.url
    visit(warm, lab.replace("lab.html", "other.html"))
    visit(warm, link)
    expect(alt(warm)).to_have_text(shown)
    demo(warm, "every").get_by_role("button", name="Reset").click()
    expect(alt(warm)).to_have_text(STILL)
    settles(warm, "")


@in_browser
def test_a_text_of_several_lines_goes_round_by_link(warm, lab):
    area = control(warm, "lines", of="later").locator("textarea")
    assert area.input_value() == "one\ntwo"
    area.fill("three\n\nfour & five")
    settles(warm, "#later:lines=three\n\nfour %26 five")
    link = warm.url
    visit(warm, lab.replace("lab.html", "other.html"))
    visit(warm, link)
    expect(area).to_have_value("three\n\nfour & five")
    demo(warm, "later").get_by_role("button", name="Reset").click()
    expect(area).to_have_value("one\ntwo")
    settles(warm, "")


ALL_MOVED = "−0.25 2048 32 a = b; c True 50 % & #more; <b> 7"


@in_browser
def test_a_link_to_a_state_is_answered_with_no_sign_of_life(warm, context):
    go_live(warm)
    for name in MOVED:
        move(warm, name)
    expect(alt(warm)).to_have_text(ALL_MOVED)
    eventually(warm, lambda: "seed=7" in fragment(warm))
    other = context.new_page()
    other.goto(warm.url)
    expect(alt(other)).to_have_text(ALL_MOVED)  # the link itself asks
    demo(other, "every").get_by_role("button", name="Reset").click()
    expect(alt(other)).to_have_text(STILL)
    settles(other, "")


HOSTILE = ["nobody:n=1", "every:nothing=1", "every:n=0.3", "every:n=99999", "every:n=NaN", "every:few=2", "every:n",
           "every:many=<img src=x onerror=alert(1)>", "every:broken=yes", "every:seed=-1", "every:seed=10000",
           "every:seed=1e3", "every:text=" + "x" * 201, "every:constructor=1;__proto__:n=1", "every:n=%E0%A",
           "every:text=" + "x" * 9000]  # fmt: skip


@in_browser
def test_a_hostile_fragment_changes_nothing(warm):
    go_live(warm)
    move(warm, "seed")
    settles(warm, "#every:seed=7")
    count_answers(warm)
    for text in HOSTILE:
        set_fragment(warm, text)
        assert demo(warm, "every").locator("[data-kind=seed] input").input_value() == "7", text
        assert alt(warm).text_content() == MOVED["seed"][1], text
        expect(warm.locator("#notice")).to_contain_text("link")  # and says so
        warm.locator("#notice [data-dismiss]").click()
    control(warm, "n").locator("input[type=range]").press("ArrowLeft")
    expect(alt(warm)).to_have_text("0.25 512 8 one & two False The cat 7")
    expect(demo(warm, "every")).to_have_attribute("data-answers", "1")  # the last move's, and none before it


@pytest.fixture(scope="module")
def fresh(browser, lab):
    """A tab in which nothing is touched, so that Python does not start."""
    context = browser.new_context(viewport=DESKTOP)
    yield context.new_page()
    context.close()


@in_browser
@pytest.mark.parametrize("text", HOSTILE)
def test_a_page_opens_at_its_defaults_from_a_hostile_link(fresh, lab, text):
    fresh.goto("about:blank")
    fresh.goto(f"{lab}#{text}")
    expect(demo(fresh, "every").locator(".typed input").first).to_be_enabled()
    assert alt(fresh).text_content() == STILL
    assert demo(fresh, "every").get_attribute("state") == "static"
    expect(fresh.locator("#notice")).to_contain_text("link")  # and says so


@in_browser
def test_anchors_keep_working_and_do_not_reset_demos(warm):
    go_live(warm)
    move(warm, "seed")
    settles(warm, "#every:seed=7")
    set_fragment(warm, "eq-bytes")
    expect(warm.locator("#eq-bytes")).to_be_in_viewport()
    assert control(warm, "seed").locator("input").input_value() == "7"
    warm.go_back()
    settles(warm, "#every:seed=7")
    assert control(warm, "seed").locator("input").input_value() == "7"


@in_browser
def test_a_changed_address_moves_the_demos_that_are_there(warm):
    go_live(warm)
    move(warm, "seed")
    warm.evaluate("location.hash = 'every:T=1024&few=1;stacked:n=4'")
    expect(alt(warm)).to_have_text("0.5 1024 1 one & two False The cat 0")
    expect(alt(warm, "stacked")).to_have_text("4 and 1.")


@in_browser
def test_the_state_survives_soft_navigation_back_and_forward(warm):
    go_live(warm)
    warm.evaluate("window.same = document.body.dataset.same = 'yes'")
    move(warm, "seed")
    settles(warm, "#every:seed=7")
    assert warm.evaluate("document.body.dataset.same") == "yes", "writing the address is no navigation"
    warm.get_by_role("link", name="Other", exact=True).last.click()
    expect(demo(warm, "every")).to_have_count(0)
    settles(warm, "")
    warm.go_back()
    expect(alt(warm)).to_have_text(MOVED["seed"][1])
    assert warm.evaluate("window.same") == "yes", "and Python is the same"


# The address is written half a second after the last change: a timer that is set later and for longer ends later.
AFTER_WRITING = "() => new Promise((resolve) => setTimeout(() => resolve(navigation.transition === null), 600))"


@in_browser
def test_an_address_that_stays_the_same_is_not_written_again(warm):
    go_live(warm)
    warm.evaluate("document.body.dataset.same = 'yes'")
    for link in ("", "#every:seed=7"):
        warm.evaluate("(link) => link && (location.hash = link)", link)
        move(warm, "n")
        move(warm, "n")
        demo(warm, "every").get_by_role("button", name="Reset").click()
        assert warm.evaluate(AFTER_WRITING), "it would be a soft navigation to this page"
        assert warm.locator("body").get_attribute("data-same") == "yes"


@in_browser
def test_a_link_that_is_followed_right_after_a_move_leads_to_its_page(warm, lab):
    """The move's address is written half a second later: on a slow connection the next page is still on its way."""
    go_live(warm)
    held = []
    warm.route("**/other.html", lambda route: held.append(route))
    move(warm, "seed")
    warm.evaluate("document.querySelector('article a[href=\"other.html\"]').click()")
    eventually(warm, lambda: held)
    warm.evaluate(AFTER_WRITING)
    held[0].continue_()
    expect(demo(warm, "every")).to_have_count(0)
    expect(warm).to_have_url(lab.replace("lab.html", "other.html"))


WITHIN_THE_CLICK = """() => {
  const write = navigator.clipboard.write.bind(navigator.clipboard);
  let clicking = false;
  addEventListener("click", () => (clicking = true), true);
  addEventListener("click", () => (clicking = false));
  navigator.clipboard.write = (items) => ((window.inClick = clicking), write(items));
}"""


@in_browser
def test_copy_link_copies_this_demo_and_says_so(warm, context, lab):
    warm.context.grant_permissions(["clipboard-read", "clipboard-write"])
    go_live(warm, "stacked")
    demo(warm, "stacked").locator("input[type=range]").first.fill("7")
    tool(warm, "link", "stacked").click()
    expect(tool(warm, "link", "stacked")).to_have_text("Copied")
    expect(warm.locator("#announcer")).to_have_text("Copied")
    link = warm.evaluate("navigator.clipboard.readText()")
    assert link == f"{lab}#stacked:n=7"
    expect(tool(warm, "link", "stacked")).to_have_text("Copy link")
    warm.evaluate(WITHIN_THE_CLICK)
    demo(warm, "stacked").get_by_role("button", name="Reset").click()
    tool(warm, "link", "stacked").click()
    expect(tool(warm, "link", "stacked")).to_have_text("Copied")
    assert warm.evaluate("navigator.clipboard.readText()") == f"{lab}#demo-stacked"  # a ":" at its end would be lost
    assert warm.evaluate("inClick"), "Safari lets nothing be copied after the click"
    other = context.new_page()
    other.goto(link)
    expect(alt(other, "stacked")).to_have_text("7 and 1.")
    expect(demo(other, "stacked")).to_be_in_viewport()


# ---- exact values


@in_browser
def test_a_report_names_the_page_the_figure_and_the_setting(warm, lab):
    """From the demo's tools with its figure; from the page's foot with what the address tells."""
    asked = []
    warm.route("**/issues/new*", lambda route: (asked.append(route.request.url), route.fulfill(status=204)))
    control(warm, "n").locator("input[type=range]").press("Home")
    expect(warm).to_have_url(re.compile("#every:n=-1"))
    tool(warm, "report", "every").click()
    eventually(warm, lambda: asked)
    warm.get_by_role("link", name="Report an error").evaluate("link => link.click()")
    eventually(warm, lambda: len(asked) == 2)
    titles, bodies = zip(
        *((q["title"][0], q["body"][0]) for q in (parse_qs(urlsplit(u).query) for u in asked)), strict=True
    )
    assert set(titles) == {"A page: "}
    for body, figure in zip(bodies, ("Figure 1", ""), strict=True):
        assert body.startswith(f"Page: lab.html\nFigure: {figure}\nSetting: {lab}#every:n=-1\nBuild: ")


@pytest.mark.parametrize(
    ("typed", "becomes", "says"),
    [("2048", "2,048", ""), ("1,024 tokens", "1,024", ""), ("1e3", "1,024", "nearest: 1,024"),
     ("99999", "4,096", "nearest: 4,096"), ("much", "512", "not a number: kept 512"),
     ("", "512", "not a number: kept 512")],
)  # fmt: skip
def test_a_typed_value_moves_the_slider_to_the_nearest_stop_and_says_so(warm, typed, becomes, says):
    go_live(warm)
    field = control(warm, "T").locator(".typed input")
    field.fill(typed)
    field.press("Enter")
    expect(field).to_have_value(becomes)
    expect(control(warm, "T").locator("output")).to_have_text(says)
    expect(control(warm, "T").locator("[type=range]")).to_have_attribute("aria-valuetext", f"{becomes} tokens")
    expect(alt(warm)).to_have_text(STILL.replace("512", becomes.replace(",", "")))
    expect(demo(warm, "every")).to_have_attribute("state", "live")


@in_browser
@pytest.mark.parametrize("typed", ["1.5", "−3", "99999", "", "seven"])
def test_a_field_of_a_seed_shows_the_seed_that_is_used(warm, typed):
    go_live(warm)
    field, said = control(warm, "seed").locator("input"), control(warm, "seed").locator("output")
    field.fill("7")
    expect(alt(warm)).to_have_text(MOVED["seed"][1])
    field.fill(typed)
    expect(said).to_have_text("not a whole number from 0 to 9,999: 7 is used")
    field.press("Enter")
    expect(field).to_have_value("7")
    expect(said).to_have_text("not a whole number from 0 to 9,999: 7 is used")
    assert alt(warm).text_content() == MOVED["seed"][1]
    settles(warm, "#every:seed=7")
    control(warm, "seed").get_by_role("button", name="Next seed").click()
    expect(field).to_have_value("8")
    expect(said).to_be_empty()


@in_browser
def test_typing_itself_computes_nothing(warm):
    go_live(warm)
    count_answers(warm)
    field = control(warm, "T").locator(".typed input")
    field.focus()
    warm.keyboard.press("Control+A")
    warm.keyboard.type("20")  # on the way to 2048
    expect(field).to_have_value("20")
    assert alt(warm).text_content() == STILL
    field.press("Enter")
    expect(alt(warm)).to_have_text(STILL.replace("512", "128"))
    expect(demo(warm, "every")).to_have_attribute("data-answers", "1")  # the Enter's alone


# ---- pinning


def curves(page, of, i=0):
    return page.evaluate(
        """([of, i]) => { const { data, layout } = [...document.querySelectorAll(`#demo-${of} .js-plotly-plot`)][i];
        return { names: data.map((t) => t.name), y: data.map((t) => [...t.y]), dash: data.map((t) => t.line?.dash),
                 x: data.map((t) => [...t.x]), opacity: data.map((t) => t.opacity), range: layout.yaxis.range }; }""",
        [of, i],
    )


@in_browser
def test_a_pin_keeps_lines_and_points_as_dotted_ghosts_and_names_their_values(warm):
    go_live(warm)
    tool(warm, "pin", "every").click()
    expect(tool(warm, "pin", "every")).to_have_text("Unpin")
    expect(tool(warm, "pin", "every")).to_have_attribute("aria-pressed", "true")
    move(warm, "n")
    expect(alt(warm)).to_contain_text(f"{MOVED['n'][1]} Pinned behind it, at Slope 0.5 m/s: 0.5 512 8")
    shown = curves(warm, "every")
    assert shown["names"] == ["pinned rise", "pinned here", "rise", "here"]
    assert shown["y"][0] == [0, 0.5, 1, 1.5, 2] and shown["y"][2] == [0, -0.25, -0.5, -0.75, -1]
    assert shown["dash"][0] == "dot" and shown["opacity"][0] == 0.45
    tool(warm, "pin", "every").click()
    expect(alt(warm)).not_to_contain_text("Pinned")
    assert curves(warm, "every")["names"] == ["rise", "here"]


@in_browser
def test_pinned_bars_stand_over_the_live_ones_and_stay_in_range(warm):
    go_live(warm, "stacked")
    demo(warm, "stacked").locator("input[type=range]").first.fill("9")
    expect(alt(warm, "stacked")).to_have_text("9 and 1.")
    tool(warm, "pin", "stacked").click()
    demo(warm, "stacked").locator("input[type=range]").first.fill("3")
    expect(alt(warm, "stacked")).to_contain_text("3 and 1. Pinned")
    shown = curves(warm, "stacked")
    assert shown["y"] == [[1, 9], [1, 1], [1, 3], [1, 1]]
    assert shown["x"][0] == shown["x"][2] == ["fixed", "n is 3"]
    assert shown["range"][1] == 11
    tops = warm.evaluate(
        """() => [...document.querySelectorAll("#demo-stacked .js-plotly-plot .bars .point path")]
           .map((path) => path.getBoundingClientRect())
           .map(({ bottom, left }) => [Math.round(bottom), Math.round(left)])"""
    )
    assert len(tops) == 8
    assert len({left for _, left in tops}) == 2, "ghosts neither push the live bars aside"
    floor = max(bottom for bottom, _ in tops)
    assert [bottom for bottom, _ in tops].count(floor) == 4, "nor stand on them: each pile has its own foot"


@in_browser
def test_heatmaps_and_matrices_offer_no_pin_and_a_live_demo_only_after_its_run(warm):
    go_live(warm, "warm")
    expect(tool(warm, "pin", "warm")).to_be_hidden()
    expect(tool(warm, "pin", "grid")).to_be_hidden()
    expect(tool(warm, "svg", "grid")).to_be_hidden()
    expect(tool(warm, "pin", "later")).to_be_hidden()
    expect(tool(warm, "csv", "later")).to_be_hidden()
    demo(warm, "later").get_by_role("button", name="Run").click()
    expect(tool(warm, "pin", "later")).to_be_visible()
    expect(tool(warm, "svg", "later")).to_be_visible()


def test_a_ghost_changes_nothing_that_it_is_made_of():
    view = '{view: "figure", data: [{type: "bar", x: ["a"], y: [1], name: "n", text: ["t"]}], layout: {}, alt: "A"}'
    script = f"(() => {{ const v = {view}; P.withPinned([v], {{ views: [v], values: [] }}, []); return v; }})()"
    assert node(script)["data"] == [{"type": "bar", "x": ["a"], "y": [1], "name": "n", "text": ["t"]}]


# ---- downloads


def saved(page, name, of):
    with page.expect_download() as waiting:
        tool(page, name, of).click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


@in_browser
def test_the_csv_has_all_numbers_with_their_units_and_the_values_of_the_controls(warm, lab):
    go_live(warm)
    move(warm, "n")
    file, data = saved(warm, "csv", "every")
    text = data.decode("utf-8-sig")
    assert file == "lab-every.csv"
    assert "# Slope: -0.25 m/s" in text and "# Tokens: 512 tokens" in text and "# Break it: off" in text
    assert "#every:n=-0.25" in text
    rows = list(csv.reader(io.StringIO(text)))
    at = rows.index(["Time (s)", "rise: Way (m)"])
    assert [[float(x) for x in row] for row in rows[at + 1 : at + 6]] == [[i, -0.25 * i] for i in range(5)]
    assert ["p, q", "-0.25"] in rows and ["a", "b (m)"] in rows


@in_browser
def test_the_csv_of_steps_has_every_matrix(warm):
    _, data = saved(warm, "csv", "grid")
    assert re.findall(r"# Step \d\. Sums", data.decode()) == ["# Step 0. Sums", "# Step 1. Sums", "# Step 2. Sums"]


def test_a_long_curve_is_whole_in_the_csv_and_sampled_on_the_page():
    view = '{view: "figure", data: [{x: [...Array(1000).keys()], y: [...Array(1000).keys()], name: "a"}], layout: {}}'
    text = node(f'D.tables(["top\\nline"], [{view}], V.figureTables)')
    assert len(text.splitlines()) == 1 + 1 + 1 + 1 + 1000 + 1 and text.startswith("# top line")
    assert "25 of 1,000 rows" in node(f"V.figureTableHtml({view})")


def test_what_no_pointer_can_ask_is_in_no_table_and_a_figure_of_nothing_else_offers_none():
    drawn, asked = ('{x: [1], y: [2], hoverinfo: "skip"}', "{x: [3], y: [4]}")
    view = '{view: "figure", alt: "a clock", data: [%s], layout: {}}'
    assert [table["rows"] for table in node(f"V.figureTables({view % f'{drawn}, {asked}'})")] == [[[3, 4]]]
    assert "figure-data" in node(f"V.viewHtml({view % asked})")
    assert "figure-data" not in node(f"V.viewHtml({view % drawn})")


SURFACES = {"light": "253, 252, 249", "dark": "21, 23, 28"}


def saved_as_pictures(page, scheme):
    """The figure is saved as SVG and as PNG, on the theme's background."""
    file, data = saved(page, "svg", "every")
    text = data.decode()
    assert file == "lab-every.svg" and text.startswith("<svg") and 'xmlns="http://www.w3.org/2000/svg"' in text
    assert "var(--" not in text
    assert f"rgb({SURFACES[scheme]})" in text
    file, data = saved(page, "png", "every")
    assert file == "lab-every.png" and data.startswith(b"\x89PNG") and len(data) > 5_000


@in_browser
@pytest.mark.parametrize("scheme", SURFACES)
def test_plotlys_figure_is_saved_as_svg_and_png_on_the_themes_background(warm, scheme):
    warm.emulate_media(color_scheme=scheme)
    go_live(warm)
    saved_as_pictures(warm, scheme)


@in_browser
@pytest.mark.parametrize("scheme", SURFACES)
def test_the_builds_own_figure_is_saved_as_svg_and_png_on_the_themes_background(page, lab, scheme):
    page.emulate_media(color_scheme=scheme)
    page.route("**/plotly*", lambda route: route.abort())
    page.goto(lab)
    saved_as_pictures(page, scheme)
    page.problems.clear()  # Plotly was kept away on purpose


# ---- full screen


@in_browser
def test_full_screen_enlarges_type_and_figure_and_escape_leaves(warm):
    go_live(warm)
    plot = demo(warm, "every").locator(".js-plotly-plot")
    before = plot.bounding_box()["height"]
    tool(warm, "screen", "every").click()
    expect(tool(warm, "screen", "every")).to_have_text("Leave full screen")
    assert warm.evaluate("document.fullscreenElement.id") == "demo-every"
    expect(plot.locator(".xtitle")).to_have_css("font-size", "20.8px")
    assert plot.bounding_box()["height"] > 1.3 * before
    warm.evaluate("document.exitFullscreen()")  # what Escape does, which a headless browser leaves to its window
    expect(tool(warm, "screen", "every")).to_have_text("Full screen")
    expect(plot.locator(".xtitle")).to_have_css("font-size", "13px")


@in_browser
def test_full_screen_is_not_offered_where_there_is_none(page, lab):
    page.add_init_script("Object.defineProperty(Document.prototype, 'fullscreenEnabled', { value: false })")
    page.goto(lab)
    expect(tool(page, "screen", "every")).to_be_hidden()


# ---- matrices and steps


def why(page):
    return demo(page, "grid").locator(".step-frames > li:visible .matrix-why output")


def cells(page):
    return demo(page, "grid").locator(".step-frames > li:visible td[data-why]")


@in_browser
def test_a_cell_explains_itself_by_hover_focus_and_tap_without_a_jump(warm):
    go_live(warm, "grid")
    height = demo(warm, "grid").bounding_box()["height"]
    cells(warm).nth(1).hover()
    expect(why(warm)).to_have_text("1 + 2")
    warm.mouse.move(0, 0)
    expect(why(warm)).to_have_text("")
    cells(warm).last.click()
    expect(why(warm)).to_contain_text("3 + 2 and a long")
    assert demo(warm, "grid").bounding_box()["height"] == height
    assert why(warm).get_attribute("aria-live") == "off"
    described = cells(warm).last.get_attribute("aria-describedby")
    assert warm.locator(f"#{described}").text_content().startswith("3 + 2")
    warm.keyboard.press("Escape")
    expect(why(warm)).to_have_text("")


@in_browser
def test_what_is_new_in_an_answer_is_told_once(warm):
    go_live(warm)
    said = warm.locator("#announcer")
    for key, told in (("ArrowRight", "0.75 512 8"), ("ArrowLeft", "0.5 512 8")):
        control(warm, "n").locator("input[type=range]").press(key)
        expect(said).to_contain_text(told)
    control(warm, "many").locator("select").select_option(label="one & two")  # as it was
    expect(said).to_have_text("Nothing changes.")
    go_live(warm, "map")
    said.evaluate("(region) => (region.textContent = '')")
    control(warm, "n", "map").locator("input[type=range]").fill("0")
    expect(demo(warm, "map").locator("table")).to_have_attribute("data-q", "1,0;1,2")
    expect(said).to_have_text("Nothing changes.")  # its badge says what it said before


@in_browser
def test_where_no_figure_tells_the_change_numbers_do(warm):
    go_live(warm, "behind")
    control(warm, "n", "behind").locator("input[type=range]").press("ArrowRight")
    expect(warm.locator("#announcer")).to_have_text("Steps 3 m. p: b (m) 3.")


@in_browser
def test_a_run_on_a_button_is_told_when_it_is_done(warm):
    demo(warm, "later").get_by_role("button", name="Run").click()
    expect(demo(warm, "later")).to_have_attribute("state", "live")
    expect(warm.locator("#announcer")).to_have_text("Slope 2.")  # a figure tells it, so the readouts are silent


@in_browser
def test_a_weight_is_explained_from_its_query_and_keys_before_python_and_after(page, lab):
    page.goto(lab)
    table, line = demo(page, "map").locator("table"), demo(page, "map").locator(".matrix-why output")
    first, masked, second, third = (table.locator("tbody td").nth(i) for i in range(4))
    second.hover()  # the build's own numbers: q = (2, 2), keys (1, 1) and (0, 3); e^2.83 and e^4.24
    expect(line).to_have_text(
        "“s” to “p”: weight 0.196 = e^2.83 / row sum = 16.9 / 86.5; score 2.83 = (2.00·1.00 + 2.00·1.00) / √2"
    )
    masked.hover()
    expect(line).to_have_text("")
    first.hover()
    expect(line).to_contain_text("weight 1 = e^0.71 / row sum = 2.03 / 2.03")  # the masked cell takes no part
    expect(demo(page, "map")).to_have_attribute("state", "live")
    control(page, "n", "map").locator("input[type=range]").fill("0")
    expect(table).to_have_attribute("data-q", "1,0;1,2")
    third.hover()
    expect(line).to_contain_text("score 4.24 = (1.00·0.00 + 2.00·3.00) / √2")


@in_browser
def test_a_matrix_is_one_tab_stop_and_arrows_move_in_it(warm):
    go_live(warm, "grid")
    demo(warm, "grid").get_by_label("Next step").focus()
    warm.keyboard.press("Tab")
    expect(cells(warm).first).to_be_focused()
    warm.keyboard.press("Tab")
    assert not warm.evaluate("document.activeElement.matches('td')")
    warm.keyboard.press("Shift+Tab")
    expect(cells(warm).first).to_be_focused()
    warm.keyboard.press("ArrowDown")
    expect(why(warm)).to_have_text("2 + 1")
    warm.keyboard.press("ArrowRight")  # that cell has nothing to say
    expect(why(warm)).to_have_text("2 + 1")
    warm.keyboard.press("ArrowDown")
    warm.keyboard.press("ArrowRight")
    expect(why(warm)).to_contain_text("3 + 2")
    expect(demo(warm, "grid").locator(".step-position")).to_have_text("1 / 3")  # the arrows were the matrix'
    warm.keyboard.press("Tab")
    assert not warm.evaluate("document.activeElement.matches('td')")
    warm.keyboard.press("Shift+Tab")
    expect(cells(warm).last).to_be_focused()


@in_browser
def test_the_cell_in_focus_stays_when_python_answers(warm):
    go_live(warm, "grid")
    cells(warm).nth(2).focus()
    warm.evaluate("document.querySelector('#demo-grid').ask({ n: 5 })")
    expect(cells(warm).first).to_have_text("5")
    expect(cells(warm).nth(2)).to_be_focused()
    expect(why(warm)).to_have_text("2 + 1")


@in_browser
def test_arrow_keys_step_from_anywhere_in_the_steps(warm):
    go_live(warm, "grid")
    steps = demo(warm, "grid").locator(".view-steps")
    steps.get_by_label("Next step").click()
    warm.keyboard.press("ArrowRight")
    expect(steps.locator(".step-position")).to_have_text("3 / 3")
    warm.keyboard.press("ArrowLeft")  # the button at the end has kept its focus
    expect(steps.locator(".step-position")).to_have_text("2 / 3")


# ---- small and large screens, paper, themes


@in_browser
@pytest.mark.parametrize("width", [320, 360])
def test_on_a_phone_the_first_slider_and_the_figure_are_seen_together(page, server, width):
    page.set_viewport_size({"width": width, "height": 640})
    page.goto(server.url + "kv_cache.html")
    for name in ("memory_calculator", "prefill_against_decode"):
        slider = demo(page, name).locator("input[type=range]").first
        figure = demo(page, name).locator(".figure-static").first
        slider.scroll_into_view_if_needed()
        top, bottom = slider.bounding_box()["y"], figure.bounding_box()
        assert bottom["y"] > top
        assert bottom["y"] + bottom["height"] - top < 420
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@in_browser
def test_rare_tools_fold_away_on_a_phone_and_all_targets_are_large(warm):
    warm.set_viewport_size({"width": 360, "height": 640})
    go_live(warm)
    expect(tool(warm, "csv", "every")).to_be_hidden()
    demo(warm, "every").get_by_text("More", exact=True).click()
    expect(tool(warm, "csv", "every")).to_be_visible()
    small = warm.evaluate(
        """() => [...document.querySelectorAll("llm-demo :is(button, select, summary, input, .typed input)")]
           .filter((e) => e.checkVisibility() && !e.matches("[type=checkbox], [type=radio]"))
           .filter((e) => e.getBoundingClientRect().height < 44).map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert small == []


@in_browser
def test_no_two_elements_of_a_page_share_an_id(warm):
    go_live(warm)
    ids = warm.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))


@in_browser
def test_a_theme_event_recolours_a_figure_without_asking_python(warm):
    go_live(warm)
    warm.evaluate(
        """() => { document.querySelector("#demo-every").ask = () => { throw new Error("asked") };
        document.body.style.setProperty("--ink-key", "rgb(1, 2, 3)");
        document.documentElement.style.setProperty("--ink-key", "rgb(1, 2, 3)");
        document.dispatchEvent(new Event("themechange")); }"""
    )
    expect(demo(warm, "every").locator(".js-plotly-plot .scatterlayer path.js-line").first).to_have_css(
        "stroke", "rgb(1, 2, 3)"
    )


PRINTED = """[...document.querySelectorAll("#demo-every .control")]
  .map((control) => getComputedStyle(control, "::after").content)"""


@in_browser
def test_where_colours_are_forced_a_live_figure_keeps_its_own(warm):
    go_live(warm)
    warm.emulate_media(forced_colors="active")
    warm.evaluate("document.dispatchEvent(new Event('themechange'))")
    line = demo(warm, "every").locator(".scatterlayer path.js-line").first
    expect(line).to_have_css("stroke", "rgb(163, 74, 0)")
    expect(demo(warm, "every").locator(".scatterlayer .point").last).to_have_css("fill", "rgb(31, 95, 191)")
    warm.emulate_media(forced_colors="none")


@in_browser
def test_on_paper_controls_are_text_and_figures_fit(warm):
    warm.emulate_media(color_scheme="dark")
    go_live(warm)
    warm.evaluate("dispatchEvent(new Event('beforeprint'))")  # comes while the screen's styles still hold
    plot = demo(warm, "every").locator(".js-plotly-plot")
    assert plot.locator(".main-svg").first.bounding_box()["width"] <= 620
    ink = plot.locator(".xtitle").evaluate("(title) => getComputedStyle(title).fill")
    assert "29, 30, 34" in ink, "paper is white, whatever the screen's theme"
    warm.emulate_media(media="print", color_scheme="dark")
    expect(plot).to_be_visible()
    expect(demo(warm, "every").locator(".demo-tools")).to_be_hidden()
    assert warm.locator("llm-demo :is(button, input, select, textarea):visible").count() == 0
    told = warm.evaluate(PRINTED)
    assert told == ['"0.5 m/s"', '"512 tokens"', '"8"', '"one & two"', '"off"', '"The cat"', '"0"']


@in_browser
def test_words_and_table_follow_the_slider_in_every_state(page, lab):
    page.route("**/*.wasm", lambda route: None)  # Python never comes: the grid answers
    page.goto(lab)
    demo(page, "warm").locator(".figure-data summary").click()
    demo(page, "warm").locator("input[type=range]").fill("7")
    expect(demo(page, "warm")).to_have_attribute("state", "grid")
    expect(alt(page, "warm")).to_have_text("Heat 7.")
    expect(demo(page, "warm").locator(".figure-table td").nth(1)).to_have_text("7")
