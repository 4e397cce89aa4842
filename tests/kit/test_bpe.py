"""Byte-pair encoding: GPT-2's tokens are those of a package's own encoder, and merges are learnt as the paper says."""

import json
import subprocess
from collections import Counter
from itertools import pairwise

import pytest

from builder.bundle import merges as maker
from tests.conftest import REPOSITORY
from topics.kit.model import bpe

HARD = {
    "a sentence": "A quick fox doesn't jump over 12 lazy dogs; it's asleep, they'll say, we've seen I'd I'm you're.",
    "endings that are none": "'s 't'll ''s rock'n'roll don't DON'T it's!'s 's's he'dd o'clock 'Tis '",
    "spaces": "  two   three    and\ttabs\t\tand \t mixed \n\n lines\r\n  at the end   ",
    "spaces that are no blanks": "a\u00a0b\u2003c\u3000d \u2028e\u0085f\v\fg\u00a0\u00a0h \u2009 i",
    "a blank alone": " ",
    "numbers": "1234567 3.14159 1,000,000 x2 2x ½ Ⅷ ² ٣٤ １２",
    "other scripts": "Привет, мир! Ελλάδα עברית العربية हिन्दी ภาษาไทย 한국어 日本語のテキスト 中文字符，标点。 ქართ",
    "combining signs": "e\u0301 n\u0303o\u0308 Z\u0351\u036e\u030dalgo \u0e17\u0e35\u0e48 \u0915\u094d\u0937 क\u093f",
    "emoji": "👍 🙂🙃 👩‍👩‍👧‍👦 🇫🇷🇩🇪 1️⃣ ❤️‍🔥 🏳️‍🌈 text👋🏽text",
    "code": (
        "def f(x):\n    return {k: v**2 for k, v in x.items()}  # a comment\n\nif (a<=b && "
        "c!=d) { x += 1; }\t// £€\n<a href='#'>"
    ),
    "signs": "!!! ... --- ___ *** ^^^ ~~~ ``` \\\\ // |-|-| «quoted» “quoted” … — – • ™ ℕ ∑∫√ ←→ ␣ §",
    "long words": (
        "antidisestablishmentarianism SolidGoldMagikarp petertodd "
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa _under_score_ CamelCaseHTTPRequest"
    ),
    "zero width": "a\u200bb\u200cc\u200dd\u2060e\u00adf",
    "controls": "a\u0000b\u0007c\u001bd\u007fe",
    "outside the plane": "𝕳𝖊𝖑𝖑𝖔 𐍈 𠜎𠜱 𝟘𝟙𝟚",
    "nothing": "",
}

ENCODE = """import { encode } from "gpt-tokenizer/encoding/r50k_base";
const texts = JSON.parse(process.argv[1]);
console.log(JSON.stringify(texts.map((text) => encode(text))));"""


@pytest.fixture(scope="module")
def theirs():
    """The package's tokens of each hard text."""
    command = ["node", "--input-type=module", "-e", ENCODE, json.dumps(list(HARD.values()))]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=True)
    return dict(zip(HARD, json.loads(done.stdout), strict=True))


def gpt2(text):
    return bpe.bpe_encode(text, bpe.gpt2_merges(), bpe.FIRST)


@pytest.mark.parametrize("name", HARD)
def test_gpt_2s_tokens_are_those_of_the_package(name, theirs):
    assert gpt2(HARD[name]) == theirs[name]


@pytest.mark.parametrize("name", HARD)
def test_tokens_spell_the_text(name):
    spelling = bpe.spelled(bpe.gpt2_merges(), bpe.FIRST)
    assert b"".join(spelling[token] for token in gpt2(HARD[name])).decode() == HARD[name]


def test_every_token_of_the_vocabulary_is_spelled_as_the_package_lists_it():
    listed = maker.vocabulary(maker.PACKAGE.read_text())
    spelling = bpe.spelled(bpe.gpt2_merges(), bpe.FIRST)
    assert len(spelling) == len(listed) == bpe.END == 50_256
    assert {spelled: token for token, spelled in spelling.items()} == listed


def test_what_is_known_of_gpt_2s_tokens():
    spelling = bpe.spelled(bpe.gpt2_merges(), bpe.FIRST)

    def parts(text):
        return [spelling[token].decode() for token in gpt2(text)]

    assert gpt2("Hello world") == [15496, 995]
    assert parts(" SolidGoldMagikarp") == [" SolidGoldMagikarp"]
    assert parts("1234567") == ["123", "45", "67"]
    assert parts("strawberry") == ["st", "raw", "berry"]
    assert parts(" strawberry") == [" strawberry"]


@pytest.mark.parametrize("text", HARD.values(), ids=HARD)
def test_pieces_are_the_text_and_none_is_empty(text):
    assert "".join(bpe.pieces(text)) == text
    assert all(bpe.pieces(text))


def test_a_half_of_a_surrogate_pair_is_no_error():
    assert gpt2("a\ud83d") == gpt2("a?")


# ---- learning


def slow_counts(words):
    """How often each pair could be merged: by merging it, in a string of numbers."""
    counts = Counter()
    for parts in words:
        for pair in set(pairwise(parts)):
            i = 0
            while i < len(parts) - 1:
                hit = (parts[i], parts[i + 1]) == pair
                counts[pair] += hit
                i += 2 if hit else 1
    return counts


LEARN = "the cat sat on the mat. aaaa aaa aa, the hat that the cat sat at: banana bananas bandana"


def test_each_merge_is_a_pair_that_could_be_merged_most_often():
    words = [list(piece.encode()) for piece in bpe.pieces(LEARN)]
    for pair, token in bpe.bpe_train(LEARN, 30).items():
        counts = slow_counts(words)
        assert counts[pair] == max(counts.values()) >= 2
        words = [bpe.merged(parts, pair, token) for parts in words]


def test_of_equals_the_pair_that_comes_first_in_the_text_is_merged():
    assert next(iter(bpe.bpe_train("xy ab xy ab", 1))) == (ord("x"), ord("y"))


def test_overlapping_pairs_are_counted_as_often_as_they_can_be_merged():
    assert next(iter(bpe.bpe_train("aaa bcbc", 1))) == (ord("b"), ord("c"))  # aaa holds (a, a) once


def test_learning_ends_when_no_pair_comes_twice():
    assert bpe.bpe_train("abcdefg", 100) == {}
    assert bpe.bpe_train("", 100) == {}
    merges = bpe.bpe_train(LEARN, 1000)
    words = [bpe.bpe_encode(piece, merges) for piece in bpe.pieces(LEARN)]
    assert max(slow_counts(words).values()) < 2


def test_no_merge_crosses_a_word():
    merges = bpe.bpe_train("ab ab ab ab", 50)
    assert all(b" " not in spelled[1:] for spelled in bpe.spelled(merges).values())


def test_encoding_the_text_that_was_learnt_from_gives_what_learning_left():
    merges = bpe.bpe_train(LEARN, 25)
    words = [list(piece.encode()) for piece in bpe.pieces(LEARN)]
    for pair, token in merges.items():
        words = [bpe.merged(parts, pair, token) for parts in words]
    assert bpe.bpe_encode(LEARN, merges) == [token for parts in words for token in parts]


# ---- the file


def test_the_data_file_holds_the_merges_of_the_package_that_is_pinned():
    tokens = maker.vocabulary(maker.PACKAGE.read_text())
    pairs = list(bpe.gpt2_merges())
    assert maker.FILE.read_bytes() == maker.packed(pairs)
    for token in list(tokens)[256::17]:
        assert maker.halves(token, tokens) == pairs[tokens[token] - 256]
