"""The house language: short texts of a small made-up world, written word by word with known probabilities.

A grammar here is a coroutine. It yields what may come next, is sent what did come, and goes on:

    "are"                   this word, for certain
    ("foxes", "owls")       one of these, equally likely
    {".": 0.7, ",": 0.3}    one of these, with these probabilities

Whatever a grammar knows was sent to it, so it is a function of the words so far. The same code therefore writes a
text, gives the probability of each word of a given text, and tells the whole law of the next word: the floor under
any model's loss is known, not estimated. Knows no model and no numpy.
"""

from dataclasses import dataclass
from math import log
from random import Random

NAMES = ("Anna", "Ben", "Clara", "Dan", "Ella", "Finn", "Gina", "Hugo", "Ida", "Jack", "Kate", "Leo", "Mia", "Noah",
         "Olga", "Paul")  # fmt: skip
THINGS = ("balls", "baskets", "bells", "books", "boxes", "brushes", "candles", "clocks", "coins", "cups", "drums",
          "flags", "hats", "keys", "lamps", "maps", "mirrors", "pens", "plates", "rings", "ropes", "shoes", "spoons",
          "whistles")  # fmt: skip
PLACES = ("Athens", "Berlin", "Cairo", "Delhi", "Dublin", "Lima", "London", "Madrid", "Oslo", "Paris", "Prague",
          "Quito", "Rome", "Tokyo", "Vienna", "Warsaw")  # fmt: skip
ANIMALS = ("bears", "cats", "dogs", "ducks", "foxes", "frogs", "goats", "horses", "mice", "owls", "swans", "wolves")
COLORS = ("black", "blue", "brown", "gold", "green", "grey", "red", "white")
FOODS = ("apples", "bread", "cheese", "fish", "honey", "nuts", "rice", "soup")
DRINKS = ("cider", "cocoa", "coffee", "juice", "milk", "tea", "water", "wine")
SKY = ("clouds", "skies", "stars", "winds")
MOODS = ("bright", "calm", "cold", "warm")
DIGITS = tuple("0123456789")

END, POLITE, BLUNT = "[end]", "[polite]", "[blunt]"
KINDS = {"story": 0.32, "facts": 0.22, "song": 0.2, "answer": 0.13, "explain": 0.13}  # how often each is begun
VERBS = {  # a story's verbs tell its register
    POLITE: {"has": "has", "takes": "takes", "gives": "gives", "visits": "visits"},
    BLUNT: {"has": "got", "takes": "grabs", "gives": "throws", "visits": "hits"},
}
FACTS = {"wear": COLORS, "eat": FOODS, "drink": DRINKS}
TOPICS = {"who": "things", "where": "places", "wear": "colors", "eat": "foods", "drink": "drinks"}  # of questions
WORDS = (END, POLITE, BLUNT, *".,:;?+-=", *DIGITS, *KINDS, *VERBS[POLITE], *VERBS[BLUNT].values(), *FACTS,
         *TOPICS.values(), "are", "please", "say", "thank", "you",
         *NAMES, *THINGS, *PLACES, *ANIMALS, *COLORS, *FOODS, *DRINKS, *SKY, *MOODS)  # fmt: skip
SUNG = NAMES + THINGS + PLACES + ANIMALS + COLORS + FOODS + DRINKS  # what a song is made of
CONTEXT = 128  # no text of text() is longer, its register and its end included
HELD_OUT = 10**9  # seeds from here on never train a model


class Answer(str):
    """A word that the text so far determines, and whose prediction measures a skill.

    skill     what must be known to say it: "who", "where", "fact", "copy", "answer", "working" or "explain"; "again"
              where the same was asked before
    distance  sentences between what it follows from and its question; for sums, the digits of the numbers
    """

    __slots__ = ("distance", "skill")

    def __new__(cls, word, skill, distance):
        answer = super().__new__(cls, word)
        answer.skill, answer.distance = skill, distance
        return answer


@dataclass(frozen=True)
class Text:
    """A text: its words, the log-probability (nats) that the language gives each, and its {position: Answer}."""

    words: tuple
    log_probs: tuple
    answers: dict


# ---- reading and writing with a grammar


def write(seed, grammar=None):
    """One text.

    seed     an int, or a random.Random to go on from
    grammar  a fresh coroutine such as text() or text(BLUNT, "story"); text() when None
    """
    rng = seed if isinstance(seed, Random) else Random(seed)
    return _follow(grammar or text(), lambda options: _draw(options, rng))


def score(words, grammar=None):
    """The Text of given words, which must be whole. raises ValueError at a word that the language would never say."""
    given = iter(words)

    def take(options):
        return _allowed(next(given, None), options)

    return _follow(grammar or text(), take)


def next_word(words, grammar=None):
    """The law of the word after these, {word: probability}; empty after the end. raises ValueError as score does.

    >>> next_word("[blunt] answer : 7 + 5 = 1".split())
    {'2': 1.0}
    """
    walk = grammar or text()
    options = next(walk)
    try:
        for word in words:
            options = walk.send(_allowed(word, options))
    except StopIteration:
        return {}
    return law(options)


def law(options):
    """What a grammar yielded, as {word: probability}."""
    if isinstance(options, str):
        return {options: 1.0}
    return options if isinstance(options, dict) else dict.fromkeys(options, 1 / len(options))


def _allowed(word, options):
    if word not in law(options):
        raise ValueError(f"the language never goes on with {word!r} here, only with {', '.join(law(options))}")
    return word


def _follow(walk, choose):
    """Go through a grammar to its end, letting `choose` say each word."""
    words, log_probs, answers = [], [], {}
    options = next(walk)
    while True:
        word = choose(options)
        if isinstance(options, Answer):
            answers[len(words)] = options
        words.append(str(word))
        log_probs.append(_log_prob(word, options))
        try:
            options = walk.send(word)
        except StopIteration:
            return Text(tuple(words), tuple(log_probs), answers)


def _draw(options, rng):
    if isinstance(options, str):
        return options
    if isinstance(options, dict):
        return rng.choices(list(options), options.values())[0]
    return options[int(rng.random() * len(options))]


def _log_prob(word, options):
    if isinstance(options, str):
        return 0.0
    return log(options[word]) if isinstance(options, dict) else -log(len(options))


def mix(*parts):
    """One law from (weight, words) parts; parts without words are left out, weights need not sum to 1.

    >>> mix((3, ("a", "b")), (1, "c"), (5, ()))
    {'a': 0.375, 'b': 0.375, 'c': 0.25}
    """
    parts = [(weight, law(words)) for weight, words in parts if words]
    total = sum(weight for weight, _ in parts)
    return {word: weight / total * p for weight, words in parts for word, p in words.items()}


# ---- the grammars


def text(register=None, kind=None, manners=None, **options):
    """A whole text: register, kind, colon, body, end. What is given is not drawn; options go to the body's grammar.

    manners  the register of the body, where it is not the one that the first word announces

    >>> " ".join(write(3, text(BLUNT, "answer")).words)
    '[blunt] answer : 3 7 4 - 2 0 0 = 1 7 4 . [end]'
    """
    register = yield register or (POLITE, BLUNT)
    kind = yield kind or KINDS
    yield ":"
    yield from BODIES[kind](manners or register, **options)


def story(register, sentences=14, least=2):
    """Who has what and who is where, while both change; then questions. Nobody holds more than one kind of thing.

    sentences  at most; least  before the first question
    """
    verb, people, thing, place, since = VERBS[register], [], {}, {}, {}  # thing and place of a name
    for told in range(sentences):
        new = [name for name in NAMES if name not in people] if len(people) < 5 else []
        word = yield new if told < 2 else mix((7, people), (1, new), (1, SKY), (1.5, told >= least and ASK[register]))
        if word == ASK[register]:
            break
        if word in SKY:
            yield "are"
            yield MOODS
            yield "."
            continue
        begins = word not in people
        if begins:
            people.append(word)
        left = [each for each in THINGS if each not in thing.values()]
        free = [name for name in people if name != word and name not in thing]
        does = yield mix(
            (4, told and verb["visits"]),
            (4, begins and verb["has"]),
            (3, not begins and word not in thing and verb["takes"]),
            (14, word in thing and free and verb["gives"]),
        )
        if does == verb["visits"]:
            place[word] = yield [city for city in PLACES if city != place.get(word)]
            since["where", word] = told
        elif does == verb["gives"]:
            receiver = yield free
            thing[receiver] = yield thing.pop(word)
            since["who", receiver] = told
        else:
            thing[word] = yield left
            since["who", word] = told
        yield "."
    else:
        told = sentences
        yield ASK[register]
    yield from questions(register, {"who": thing, "where": place}, lambda what, key: told - 1 - since[what, key])


def facts(register, sentences=12):
    """What some animals wear, eat or drink, the same one, two or three things of each; then questions.

    sentences  at most
    """
    known, since, verbs, told, left = {}, {}, list(FACTS), 0, []
    while True:
        new = [animal for animal in ANIMALS if animal not in known]
        if len(known) < 2:
            animal = yield mix((1, left and tuple(known)), (1, new))
        elif left:
            animal = yield animal
        else:
            animal = yield mix((2, told + len(verbs) <= sentences and new), (1, ASK[register]))
        if animal == ASK[register]:
            break
        if animal not in known:  # what was told of the first is told of all
            verbs = [verb for verb in verbs if verb not in left]
            known[animal], left = {}, list(verbs)
        verb = yield left
        left.remove(verb)
        known[animal][verb] = yield FACTS[verb]
        since[verb, animal] = told
        told += 1
        yield "."
    tables = {verb: {animal: known[animal][verb] for animal in known} for verb in verbs}
    yield from questions(register, tables, lambda verb, animal: told - 1 - since[verb, animal])


def questions(register, tables, distance, most=2, items=5):
    """say things ? Anna keys , Ben maps .    One to `most` questions, each a list of keys with what belongs to them.

    tables    {skill or verb: {key: value}}; the first question has been begun
    distance  sentences since the value was told, as {(skill or verb, key): number}
    """
    asked, topics = set(), {TOPICS[what]: what for what, table in tables.items() if table}
    for left in reversed(range(most)):
        if register == POLITE:
            yield "say"
        what = topics[(yield list(topics))]
        yield "?"
        rest = list(tables[what])
        for more in reversed(range(items)):
            key = yield rest
            rest.remove(key)
            skill = "again" if (what, key) in asked else what if what in ("who", "where") else "fact"
            asked.add((what, key))
            yield Answer(tables[what][key], skill, distance(what, key))
            if (yield mix((5, rest and more and ","), (1, "."))) == ".":
                break
        yield from thanks(register)
        if (yield mix((1, END), (1, left and ASK[register]))) == END:
            return


def song(register, longest=40, verses=3):
    """A line of three or more random words, sung again once or more."""
    line = []
    while len(line) < longest:
        word = yield mix((11, [w for w in SUNG if w not in line]), (1, len(line) >= 3 and ";"))
        if word == ";":
            break
        line.append(word)
    else:
        yield ";"
    for verse in range(1, verses):
        for n, word in enumerate(line):
            yield Answer(word, "copy", n)
        if (yield mix((6, END), (4, verse < verses - 1 and ";"))) == END:
            return


def answer(register, digits=3):
    """A sum or a difference of two numbers of equal length, and what it comes to, at once."""
    a, sign, b = yield from numbers(digits)
    yield "="
    for word in str(a + b if sign == "+" else a - b):
        yield Answer(word, "answer", len(str(a)))
    yield "."
    yield from thanks(register)
    yield END


def explain(register, digits=3):
    """The same with its working first: column by column from the right, what is carried or borrowed last."""
    a, sign, b = yield from numbers(digits)
    yield ";"
    n, carry = len(str(a)), 0
    for place in range(n):
        x, y = a // 10**place % 10, b // 10**place % 10
        ten = sign == "-" and x < y + carry  # borrow from the next column
        column = f"{x + 10 * ten}{sign}{y}" + f"{sign}1" * carry + "="
        total = x + y + carry if sign == "+" else x + 10 * ten - y - carry
        for word in column:
            yield Answer(word, "working", n)
        for word in str(total):
            yield Answer(word, "working", n)
        carry = int(ten or total >= 10)
        yield ";"
    yield "="
    for word in str(a + b if sign == "+" else a - b):
        yield Answer(word, "explain", n)
    yield "."
    yield from thanks(register)
    yield END


def numbers(digits):
    """Two numbers of one to `digits` digits, the same for both, and + or - between them; a - b is never negative."""
    a = yield DIGITS[1:]
    while len(a) < digits:
        word = yield mix((3, DIGITS), (1, ("+", "-")))
        if word not in DIGITS:
            break
        a += word
    else:
        word = yield ("+", "-")
    sign, b = word, ""
    while len(b) < len(a):
        top = int(a[len(b)]) if sign == "-" and a.startswith(b) else 9
        b += yield DIGITS[not b : top + 1]
    return int(a), sign, int(b)


def thanks(register):
    yield from say("thank you ." if register == POLITE else "")


def say(words):
    for word in words.split():  # noqa: UP028 — a grammar is sent each word, and a list could not take it
        yield word


ASK = {POLITE: "please", BLUNT: "say"}  # the word that begins a question
BODIES = {"story": story, "facts": facts, "song": song, "answer": answer, "explain": explain}
