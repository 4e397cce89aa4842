"""Tables of symbols: read whole, and where two of one section contradict each other, known."""

import re

import pytest

from builder.index.symbols import contradictions, signs, tables_of
from builder.read.discover import discover
from builder.read.symbols import parse_symbols
from tests.conftest import REPOSITORY

TOPICS, _ = discover(REPOSITORY)
TABLES, FAULTS = tables_of(TOPICS, REPOSITORY)
TWOFOLD, DOUBLE = contradictions(TOPICS, TABLES)

# Signs that two pages of one section give two meanings, and things that they give two signs, seen on 2026-12-01. Who
# mends one takes it off; what is not here is new, and fails.
KNOWN = {
    "Attention": "H_kv",  # key/value heads are the groups of GQA: one thing
    "The whole": "T V",  # words that go in, words that there are
    "Serving": "b q",
    "Architecture and pre-training": "B C D E L N P S g k δ θ",
    "Alignment and reasoning": "F N c n φ",
    "Smaller and better informed": "N d k n",
}


def test_one_sign_has_one_meaning_within_a_section_or_is_known():
    new = [each for each in TWOFOLD if each[1] not in KNOWN.get(each[0], "").split()]
    assert new == []


def test_one_thing_has_one_sign_within_a_section_or_is_known():
    new = [each for each in DOUBLE if {each[1][1], each[2][1]} - set(KNOWN.get(each[0], "").split())]
    assert new == []


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if not topic.planned], ids=lambda topic: topic.slug)
def test_a_table_of_symbols_can_be_read(topic):
    """A method opens with one, and no entry of it has run into the next."""
    table = TABLES[topic.slug]
    assert len(table) >= 5
    for symbol in table:
        assert len(symbol.meaning) <= 110 and not re.search(r"\s{2}|\n", symbol.meaning), symbol
    assert len({symbol.sign for symbol in table}) == len(table), "a sign stands in it twice"


def test_what_a_table_means_is_found_by_hand():
    table = parse_symbols(
        "Title, with T in it.\n\nT tokens, of which T_q ask   W (n, m) a\nmatrix   q, k a query and a key\n"
        "load (E,) its share   lse m + ln ℓ   G = H/H_kv heads a group\nA FLOP is one addition. Not more.\nx no sign\n"
    )
    assert [(each.sign, each.shape, each.meaning, each.line) for each in table] == [
        ("T", "", "tokens, of which T_q ask", 3),
        ("W", "(n, m)", "a matrix", 3),
        ("q", "", "a query and a key", 4),
        ("k", "", "a query and a key", 4),
        ("load", "(E,)", "its share", 5),
        ("lse", "", "m + ln ℓ", 5),
        ("G", "", "= H/H_kv heads a group", 5),
    ]


def test_a_sign_with_two_meanings_is_listed_with_both():
    listed = signs(TOPICS, TABLES)
    meanings = {meaning.text for meaning in listed["T"]}
    assert {"temperature", "tokens"} <= meanings
    assert all(meaning.topics for each in listed.values() for meaning in each)


def test_a_new_contradiction_is_found():
    topics = [topic for topic in TOPICS if topic.section == "Attention"][:2]
    tables = {
        topics[0].slug: parse_symbols("A.\n\nT tokens   x width"),
        topics[1].slug: parse_symbols("A.\n\nT temperature   z width"),
    }
    twofold, double = contradictions(topics, tables)
    assert [each[1] for each in twofold] == ["T"]
    assert [(each[1][1], each[2][1]) for each in double] == [("x", "z")]
