"""The tokenizer: a reader's line in, numbers out, and a helpful word where that can't be."""

import numpy as np
import pytest

from topics.kit.errors import UnreadableError
from topics.kit.model.language import HELD_OUT, WORDS, write
from topics.kit.model.text import UnknownWordError, decode, encode, held_out, padded, read, split
from topics.kit.page.demo import answer
from topics.kit.page.views import Note


def test_every_word_comes_back():
    assert decode(encode(list(WORDS))) == list(WORDS)
    assert split(" ".join(WORDS)) == list(WORDS)


def test_a_readers_line_may_be_written_as_people_write():
    line = "[polite] Story: ANNA has keys. Please say things? ANNA"
    assert " ".join(split(line)) == "[polite] story : Anna has keys . please say things ? Anna"
    assert split("12+345=") == ["1", "2", "+", "3", "4", "5", "="]
    assert split("") == []


@pytest.mark.parametrize(
    ("word", "near"), [("lamp", "lamps"), ("Annna", "Anna"), ("fox", "foxes"), ("Berln", "Berlin")]
)
def test_an_unknown_word_is_answered_with_the_nearest_known_ones(word, near):
    with pytest.raises(UnknownWordError, match=f"“{word}”.*{near}"):
        encode(f"{word} .")


def test_a_word_like_no_other_is_answered_with_what_there_is():
    with pytest.raises(UnknownWordError, match="names, animals"):
        encode("zzzzzzzz")


def test_held_out_texts_have_seeds_that_no_training_has():
    assert held_out(2, start=3) == [write(HELD_OUT + 3), write(HELD_OUT + 4)]
    assert {each.words[1] for each in held_out(5, "song")} == {"song"}


def test_padding_lines_up_words_with_the_words_that_follow_them():
    texts = held_out(4)
    words, targets, real = padded(texts)
    assert real.sum() == sum(len(each.words) - 1 for each in texts)
    for row, each in enumerate(texts):
        n = len(each.words) - 1
        assert decode(words[row, :n]) == list(each.words[:-1])
        assert decode(targets[row][real[row]]) == list(each.words[1:])
        assert not real[row, n:].any()
    assert words.dtype == np.int64


def test_a_readers_line_is_refused_where_it_is_too_short_or_too_long():
    assert read("ducks eat", 2, 3).tolist() == encode("ducks eat").tolist()
    for line, n in (("ducks", 1), ("ducks eat red apples", 4)):
        with pytest.raises(UnreadableError, match=f"2 to 3 words, please; this one has {n}"):
            read(line, 2, 3)


def test_a_demo_answers_with_the_reason_where_it_cannot_read_what_was_typed():
    def echo(text):
        return Note(" ".join(decode(read(text, 1, 2))))

    assert answer(echo, {"text": "ducks eat"})["text"] == "ducks eat"
    for text, reason in (("ducks aet", "does not know “aet”"), ("", "this one has 0")):
        note = answer(echo, {"text": text})
        assert note["kind"] == "warning" and reason in note["text"]
