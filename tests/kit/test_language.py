"""The house language: one derivation for each text, probabilities that are right, worlds that are consistent."""

from collections import Counter
from math import isclose, log
from random import Random

import pytest

from topics.kit.model.language import (
    BLUNT,
    CONTEXT,
    HELD_OUT,
    KINDS,
    POLITE,
    TOPICS,
    WORDS,
    law,
    mix,
    next_word,
    score,
    text,
    write,
)

SAMPLE = [write(HELD_OUT + 900_000 + i) for i in range(400)]


def of(kind):
    return [write(HELD_OUT + 950_000 + i, text(kind=kind)) for i in range(150)]


def test_the_vocabulary_has_no_word_twice_and_at_most_512():
    assert len(set(WORDS)) == len(WORDS) <= 512
    assert {word for each in SAMPLE for word in each.words} <= set(WORDS)


def test_a_seed_gives_one_text_and_other_seeds_give_others():
    assert write(7) == write(7)
    assert len({write(i).words for i in range(100)}) > 90


def test_a_given_text_is_scored_as_it_was_written():
    for each in SAMPLE:
        again = score(each.words)
        assert again.log_probs == each.log_probs
        assert again.answers == each.answers


def test_at_every_word_the_law_sums_to_one_and_holds_the_word_that_came():
    for each in SAMPLE[:60]:
        for i, word in enumerate(each.words):
            options = next_word(each.words[:i])
            assert isclose(sum(options.values()), 1, abs_tol=1e-12)
            assert isclose(log(options[word]), each.log_probs[i], abs_tol=1e-12)
        assert next_word(each.words) == {}


def test_the_words_come_as_often_as_the_law_says():
    """The mean surprise of texts drawn is the law's own entropy along them: a biased draw would part the two."""
    surprise = entropy = 0.0
    for each in SAMPLE:
        surprise -= sum(each.log_probs)
        for i in range(len(each.words)):
            entropy -= sum(p * log(p) for p in next_word(each.words[:i]).values())
    assert isclose(surprise, entropy, rel_tol=0.02)


def test_a_word_that_the_language_never_says_is_an_error_that_names_it():
    with pytest.raises(ValueError, match=r"'moon'.*only with"):
        score(("[blunt]", "answer", ":", "moon"))
    with pytest.raises(ValueError, match="never goes on with 'fox'"):
        next_word(("fox",))


def test_no_text_is_longer_than_the_context():
    longest = max(len(write(HELD_OUT + i, text(kind=kind)).words) for kind in KINDS for i in range(1500))
    assert 100 < longest <= CONTEXT


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_shows_its_register_first_and_its_manners_follow(kind):
    for register, manners in ((POLITE, "thank"), (BLUNT, "please")):
        for i in range(40):
            words = write(i, text(register, kind)).words
            assert words[:3] == (register, kind, ":")
            assert kind == "song" or (manners in words) == (register == POLITE)


def statements(words):
    """The sentences of a story or of facts, without their questions."""
    body, sentence = words[3:], []
    for word in body:
        if word in ("please", "say"):
            return
        sentence.append(word)
        if word == ".":
            yield sentence
            sentence = []


def questions(words):
    """(topic, [(key, value), …]) of each question."""
    for i in (i for i, word in enumerate(words) if word == "?"):
        items = " ".join(words[i + 1 : words.index(".", i)]).split(" , ")
        yield words[i - 1], [tuple(item.split()) for item in items]


def test_a_story_answers_who_and_where_as_its_last_sentences_say():
    for each in of("story"):
        thing, place = {}, {}
        for subject, verb, *rest, _ in statements(each.words):
            if verb in ("visits", "hits"):
                (place[subject],) = rest
            elif verb in ("gives", "throws"):
                receiver, given = rest
                assert thing.pop(subject) == given, "one gives what one has"
                assert receiver not in thing and receiver != subject, "to another, who has nothing"
                thing[receiver] = given
            elif verb != "are":
                (taken,) = rest
                assert subject not in thing and taken not in thing.values(), "nobody takes what another holds"
                thing[subject] = taken
        for topic, items in questions(each.words):
            assert all(({"things": thing, "places": place}[topic])[key] == value for key, value in items)
            assert len(dict(items)) == len(items), "no list has a key twice"


def test_things_change_hands_in_stories():
    """One question about a thing in ten, or more, is of somebody who was given it."""
    given = asked = 0
    for each in of("story"):
        received = {rest[0] for _, verb, *rest, _ in statements(each.words) if verb in ("gives", "throws")}
        things = [key for topic, items in questions(each.words) if topic == "things" for key, _ in items]
        given, asked = given + len(received.intersection(things)), asked + len(things)
    assert asked > 150
    assert given / asked > 0.1


def test_facts_are_answered_as_they_were_told():
    for each in of("facts"):
        told = {(TOPICS[verb], animal): value for animal, verb, value, _ in statements(each.words)}
        asked = [(topic, key, value) for topic, items in questions(each.words) for key, value in items]
        assert all(told[topic, key] == value for topic, key, value in asked)
        skills = [answer.skill for answer in each.answers.values()]
        assert skills == ["again" if item in asked[:i] else "fact" for i, item in enumerate(asked)]


def test_what_is_told_of_one_animal_is_told_of_all():
    for each in of("facts"):
        told = {}
        for animal, verb, *_ in statements(each.words):
            told.setdefault(animal, set()).add(verb)
        assert len(told) >= 2
        assert len(set(map(frozenset, told.values()))) == 1


def test_a_song_repeats_its_line_and_the_line_repeats_no_word():
    lengths = []
    for each in of("song"):
        verses = " ".join(each.words[3:-1]).split(" ; ")
        assert 2 <= len(verses) <= 3
        assert len(set(verses)) == 1
        line = verses[0].split()
        assert len(set(line)) == len(line)
        lengths.append(len(line))
    assert min(lengths) == 3
    assert max(lengths) == 40


@pytest.mark.parametrize("kind", ["answer", "explain"])
def test_sums_come_out_right_and_never_below_zero(kind):
    for each in of(kind):
        line = "".join(word for word in each.words[3:-1] if word not in (",", "thank", "you", "."))
        problem, _, result = line.partition("=") if kind == "answer" else (line.split(";")[0], "", line.split("=")[-1])
        assert int(result) == eval(problem) >= 0
        if kind == "explain":
            columns = line.split(";")[1:-1]
            assert all(eval(left) == int(right) for left, right in (column.split("=") for column in columns))
            assert len(columns) == (len(problem) - 1) // 2


def test_a_difference_draws_its_second_number_from_what_is_left():
    assert next_word(["[blunt]", "answer", ":", "4", "3", "-", "4"]) == {"0": 0.25, "1": 0.25, "2": 0.25, "3": 0.25}
    assert len(next_word(["[blunt]", "answer", ":", "4", "3", "-", "3"])) == 10


def test_answers_are_words_that_the_text_determines():
    for each in SAMPLE:
        assert all(each.log_probs[place] == 0 and each.words[place] == answer for place, answer in each.answers.items())


def test_distance_counts_the_sentences_since_what_was_told_last():
    words = "[blunt] story : Anna got keys . Ben got cups . stars are warm . Ben hits Rome . "
    words += "say things ? Anna keys . say places ? Ben Rome . [end]"
    answers = [(answer.skill, answer.distance) for answer in score(words.split()).answers.values()]
    assert answers == [("who", 3), ("where", 0)]


def test_what_is_drawn_is_what_the_law_holds():
    rng = Random(5)
    drawn = Counter(write(rng, text(BLUNT, "song")).words[3] for _ in range(3000))
    assert max(drawn.values()) / 3000 < 0.03  # 92 words, alike
    assert mix((1, "a"), (1, ("b", "c")), (7, ())) == {"a": 0.5, "b": 0.25, "c": 0.25}
    assert law("x") == {"x": 1.0}


def test_a_text_can_be_polite_where_its_first_word_says_blunt():
    words = write(3, text(BLUNT, "facts", manners=POLITE)).words
    assert words[0] == BLUNT
    assert "please" in words and "thank" in words


def test_a_story_can_be_longer_than_the_context():
    each = write(0, text(BLUNT, "story", sentences=90, least=90))
    assert len(list(statements(each.words))) == 90
    assert len(each.words) > 2 * CONTEXT
