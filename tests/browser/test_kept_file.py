"""What a reader has kept, as a file: read back whole, put together without a loss, and refused in words. In Node."""

import json
import subprocess

import pytest

from tests.conftest import REPOSITORY

MODULE = (REPOSITORY / "templates/static/js/page/kept-file.js").as_uri()


def js(expression, *values):
    """What an expression over fileOf, readFile and merged gives; `a`, `b` are the values."""
    script = f"""import {{ fileOf, readFile, merged }} from "{MODULE}";
    const [a, b] = JSON.parse(process.argv[1]);
    let told; try {{ told = {expression}; }} catch (error) {{ told = error.message; }}
    console.log(JSON.stringify(told));"""
    command = ["node", "--input-type=module", "-e", script, json.dumps(values)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


EMPTY = {"read": [], "passed": [], "known": [], "passes": {}, "code": {}, "guesses": {}, "earlier": []}
CODE, GUESS = "kv_cache#code.decode_step", "kv_cache#guess-3fa29c01"
FULL = EMPTY | {
    "read": ["kv_cache"],
    "passed": ["kv_cache.weigh_a_cache"],
    "known": ["kv_cache#question-9b1c0e77"],
    "passes": {"kv_cache.weigh_a_cache": {"day": "2026-12-01", "of": "ab"}},
    "code": {CODE: {"text": "def decode_step():\n    return '𝄞'\n", "day": "2026-12-01", "of": "cd"}},
    "guesses": {GUESS: {"ask": "More?", "guess": "Less", "right": False, "day": "2026-12-01"}},
    "earlier": [{"name": "rope#code.rotate", "text": "x", "day": "", "why": "replaced"}],
    "theme": "dark",
}


def test_a_file_is_plain_json_with_a_version_and_comes_back_whole():
    text = js('fileOf(a, "2026-12-01")', FULL)
    file = json.loads(text)
    assert (file["format"], file["version"], file["saved"]) == ("llm-internals-kept", 1, "2026-12-01")
    assert text.count("\n") > 20  # for people to read
    assert js("readFile(a)", text) == {"all": FULL, "told": []}
    assert js("readFile(a)", "\ufeff" + text)["all"] == FULL  # an editor has put its mark before it


GOOD = {"format": "llm-internals-kept", "version": 1}
REFUSED = {
    "": "no JSON",
    "PK\x03\x04": "no JSON",
    json.dumps(GOOD)[:-4]: "no JSON",
    "[1, 2]": "not a file that this site has saved",
    "null": "not a file that this site has saved",
    '{"format": "other", "version": 1}': "not a file that this site has saved",
    '{"format": "llm-internals-kept"}': "says no version",
    '{"format": "llm-internals-kept", "version": "1"}': "says no version",
}


@pytest.mark.parametrize("text", REFUSED)
def test_another_or_a_damaged_file_is_refused_in_words(text):
    assert REFUSED[text] in js("readFile(a)", text)


def test_a_file_that_is_too_large_is_refused():
    assert "too large" in js('readFile(" ".repeat(20_000_001))')


def test_of_a_newer_version_what_is_understood_is_taken_and_the_rest_named():
    told = js("readFile(a)", json.dumps(GOOD | {"version": 7, "read": ["rope"], "dreams": [1]}))
    assert told["all"]["read"] == ["rope"]
    assert "newer version" in told["told"][0] and "dreams" in told["told"][1]


def test_entries_that_make_no_sense_are_left_out_and_counted():
    spoilt = {
        "read": ["rope", 3, "../x", "<b>"],
        "passed": "all",
        "code": {CODE: {"text": 5}, "__proto__": {"text": "x"}, "no place": {"text": "x"}},
        "guesses": {GUESS: {"ask": "A", "guess": "B", "right": "yes"}},
        "earlier": [None, {"name": "n", "text": "t"}],
        "theme": "javascript:alert(1)",
    }
    text = json.dumps(GOOD | spoilt)
    told = js("readFile(a)", text)
    assert told["all"] == EMPTY | {"read": ["rope"], "earlier": [{"name": "n", "text": "t"}]}
    said = " ".join(told["told"])
    assert "pages read 3 could not" in said and "exercises passed could not" in said
    assert "texts of code 3" in said and "guesses 1" in said and "texts set aside 1" in said


def test_what_both_have_is_put_together():
    theirs = EMPTY | {"read": ["kv_cache", "rope"], "passed": ["rope.turn"], "theme": "light"}
    told = js("merged(a, b)", FULL, theirs)
    assert told["all"] == FULL | {"read": ["kv_cache", "rope"], "passed": ["kv_cache.weigh_a_cache", "rope.turn"]}
    assert "2, of which 1 is new" in told["told"][0]
    assert any("theme stays dark" in line for line in told["told"])
    assert js("merged(a, b)", FULL, FULL)["all"] == FULL  # twice the same changes nothing


@pytest.mark.parametrize("day, stays", [("2026-12-02", "theirs"), ("2026-11-30", "mine")])
def test_of_two_texts_the_later_stays_and_the_other_is_set_aside(day, stays):
    theirs = EMPTY | {
        "code": {CODE: {"text": "theirs", "day": day, "of": "x"}},
        "guesses": {GUESS: {"ask": "More?", "guess": "More", "right": True, "day": day}},
    }
    told = js("merged(a, b)", FULL, theirs)
    texts = {"mine": FULL["code"][CODE]["text"], "theirs": "theirs"}
    other = "mine" if stays == "theirs" else "theirs"
    assert told["all"]["code"][CODE]["text"] == texts[stays]
    aside = [row["text"] for row in told["all"]["earlier"] if row["why"] == "merged"]
    assert aside == [texts[other], f"More?\nGuessed: {'Less' if other == 'mine' else 'More'}"]
    assert sum("set aside" in line for line in told["told"]) == 2
