"""What the house model shows: sums at once and worked, workings spoilt, votes and tries."""

import re
from functools import cache

import numpy as np

from topics.chain_of_thought.method import pass_at_k, pass_from_share, self_consistency_accuracy
from topics.chain_of_thought.recorded import BY_CARRIES, BY_DIGITS, SPOILT, VOTES
from topics.chain_of_thought.sums import (
    KINDS,
    answer_in,
    at_once,
    drawn_sums,
    result,
    spelled,
    split_sum,
    spoilt,
    worked,
)
from topics.chain_of_thought.votes import voted
from topics.chain_of_thought.writing import write_on
from topics.kit import (
    Choice,
    Figure,
    Metrics,
    Note,
    Progress,
    Seed,
    Slider,
    Table,
    Text,
    Toggle,
    Tokens,
    UnreadableError,
    bars,
    demo,
    line,
    lm,
    points,
)
from topics.kit.model.text import decode, read

MODELS_HERE = ("target", "draft", "quick")
ABOVE_IT = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}

# ---- a working, spoilt

JUDGED = 16  # sums behind the bars


@demo(
    "model",
    "target",
    "draft",
    column=Slider("Column", 1, 3, value=2),
    kind=Choice("What is done to the working", KINDS, value="one wrong digit"),
    own=Text("A sum, or a sum with a working of your own", "374+258", 90,
             ("374+258; 4+8=12; 7+5+1=13; 3+2+1=9; =", "402-77", "57-38", "nothing")),
    name=Choice("Model", ("target", "draft"), value="target"),
)  # fmt: skip
def spoil_the_working(column, kind, own, name):
    """A sum with its working, spoilt; the answer that the model gives; and the same for 16 sums."""
    return _spoiling(_prompt_of(own, kind, column), kind, column, name)


def _spoiling(prompt, kind, column, name):
    words, marked, true, says = prompt
    (said,) = write_on(lm.load(name), [words], 12)
    strip = decode([*words, *said])
    values = [float(i in marked) for i in range(len(words))] + [0.0] * len(said)
    text = (
        Tokens(strip, values, "error", _caption(kind if marked else "", column, answer_in(said)), len(words)),
        Metrics(
            ("The sum", true, ""),
            ("What the working says", says, ""),
            ("The model's answer", answer_in(said), ""),
        ),
    )
    shares = []
    for each in KINDS:
        yield Progress(len(shares) + 1, 1 + len(KINDS), "Asked"), *text, _shares(shares, kind, column, name)
        shares.append(_judged(name, each, column if each in MOVED else 2))
    yield *text, _shares(shares, kind, column, name)


def _caption(kind, column, answer):
    what = f"Shaded: {kind}{f' in column {column}' if kind in MOVED else ''}. " if kind else ""
    said = "no number" if answer is None else answer
    return f"{what}The model writes from the marked word on, and answers {said}."


MOVED = ("one wrong digit", "cut short")  # the kinds that a column decides


@cache
def _judged(name, kind, column):
    """Shares of JUDGED sums: the true answer, what the working says, anything else."""
    sums = drawn_sums(JUDGED)
    prompts, says = spoilt(sums, kind, column)
    given = [answer_in(text) for text in write_on(lm.load(name), prompts, 8)]
    true = sum(x == result(*each) for x, each in zip(given, sums, strict=True))
    said = sum(x is not None and x == y != result(*each) for x, y, each in zip(given, says, sums, strict=True))
    return true / JUDGED, said / JUDGED, 1 - (true + said) / JUDGED


def _prompt_of(own, kind, column):
    """The words of what a reader wrote, which of them are spoilt, what the sum is, and what its working says."""
    line_ = own.replace(" ", "")
    if not (found := re.match(r"(\d{1,3})([+-])(\d{1,3})(;|$)", line_)):
        raise UnreadableError("Begin with a sum of one to three digits, such as 374+258; a working may follow.")
    if len(found[1]) != len(found[3]) or result(*(one := split_sum(line_[: found.end(3)]))) < 0:
        raise UnreadableError("Two numbers of equal length, please, the larger first where it is a difference.")
    if found[4]:
        totals = re.findall(r"=(\d+);", line_)
        says = spelled([("", int(total)) for total in totals]) if len(totals) == len(found[1]) else None
        return list(read("[blunt] explain : " + own, 6, 60)), (), result(*one), says
    d = len(found[1])
    other = next(each for each in drawn_sums(3, d) if each != one)
    (plain, _), ((words, *_), (says, *_)) = (spoilt([one, other], each, min(column, d)) for each in (KINDS[0], kind))
    plain = list(plain[0])
    marked = [i for i, word in enumerate(words) if i >= len(plain) or word != plain[i]] if kind != "cut short" else ()
    return list(words), marked, result(*one), says


def _shares(shares, kind, column, name):
    rows = [f"▸ {each}" if each == kind else each for each in KINDS][::-1]
    parts = {"true answer": "output", "what the working says": "error", "something else": "reference"}
    told = "; ".join(f"{each} {100 * t:.0f}, {100 * s:.0f} %" for each, (t, s, _) in zip(KINDS, shares, strict=False))
    shares = [*shares, *[(0.0, 0.0, 0.0)] * (len(KINDS) - len(shares))]  # those that are still to be asked
    return Figure(
        [bars([100 * share[i] for share in shares[::-1]], rows, what, ink, orientation="h")
         for i, (what, ink) in enumerate(parts.items())],
        x_title=f"{JUDGED} sums of three digits (%)",
        y_title="Working",
        alt=f"{name}, column {column}. True answers, and what the working says where that is not true: {told}.",
        height=330,
        barmode="stack",
        yaxis={"automargin": True},
        legend=ABOVE_IT,
        showlegend=True,
    )  # fmt: skip


def spoilt_share(kind, column=2, name="target", at=0):
    """For the page's text, recorded: % of true answers, or at = 1 of what the working says."""
    return 100 * SPOILT[f"{name} {kind} {column}"][at]


# ---- digits

NOW = 16  # sums that are asked now


@demo(
    "model",
    *MODELS_HERE,
    d=Slider("Digits", 1, 4, value=3),
    name=Choice("Model", MODELS_HERE, value="target"),
    seed=Seed(),
)
def at_once_or_worked(d, name, seed):
    """Accuracy over digits, recorded; and some sums asked now, at once and with the working first."""
    model, sums = lm.load(name), drawn_sums(NOW, d, 1_000 + seed)
    direct = write_on(model, [at_once(*each) for each in sums], 8)
    yield Progress(1, 3, "Answered at once")
    first = write_on(model, [worked(*each) for each in sums[: NOW // 2]], 48)
    yield Progress(2, 3, "Worked")
    first += write_on(model, [worked(*each) for each in sums[NOW // 2 :]], 48)
    truth = [result(*each) for each in sums]
    share = [100 * float(np.mean([answer_in(x) == y for x, y in zip(texts, truth, strict=True)]))
             for texts in (direct, first)]  # fmt: skip
    words = [float(np.mean([len(text) for text in texts])) for texts in (direct, first)]
    yield _by_digits(d, name, share), Metrics(
        (f"Right at once, {NOW} sums", share[0], "%"),
        ("Right, worked", share[1], "%"),
        ("Words at once", words[0], ""),
        ("Words, worked", words[1], ""),
    ), Table(
        ("sum", "at once", "worked"),
        [("".join(map(str, one)), _told(x, y), _told(z, y))
         for one, x, z, y in list(zip(sums, direct, first, truth, strict=True))[:5]],
        "The first five of them, as they were written.",
    )  # fmt: skip


def _told(text, true):
    said = re.sub(r" (?=[=\d+;-])|(?<=[=\d+-]) ", "", " ".join(decode(text)).replace(" [end]", ""))
    return said.replace(";", "; ") + (" ✓" if answer_in(text) == true else " ✗")


def _by_digits(d, name, share):
    lines = [
        line((1, 2, 3, 4), [digits_right(name, how, x) for x in (1, 2, 3, 4)], how, ink, dash, mode="lines+markers")
        for how, ink, dash in (("at once", "error", "dash"), ("worked", "output", "solid"))
    ]
    told = "; ".join(f"{x} digits {digits_right(name, 'at once', x):.0f} and {digits_right(name, 'worked', x):.0f} %"
                     for x in (1, 2, 3, 4)).replace("1 digits", "1 digit")  # fmt: skip
    return Figure(
        [*lines, points([d, d], share, "now", "query", "diamond")],
        x_title="Digits of each number",
        y_title="Right (%)",
        alt=f"{name}: sums right at once and worked, of 400: {told}. Now, {NOW} sums of {d}: {share[0]:.0f} and "
        f"{share[1]:.0f} %.",
        xaxis={"tickvals": [1, 2, 3, 4], "range": [0.8, 4.2]},
        yaxis={"range": [-6, 108]},
        legend=ABOVE_IT,
        showlegend=True,
    )


def digits_right(name, how, d):
    """Recorded: % right of 400 sums."""
    return 100 * BY_DIGITS[f"{name} {how} {d}"][0]


SMALLER = ("heads8-1", "heads8-2", "heads8-3")  # trained on 5 million words, the target on 24


def span_of(how, d=3):
    """Recorded: % right of the three smaller trainings, the least and the most."""
    return _span(digits_right(name, how, d) for name in SMALLER)


def follow_span():
    """Recorded: % of answers that follow a wrong digit, of any column, in the smaller trainings and the draft."""
    return _span(spoilt_share("one wrong digit", c, name, 1) for name in (*SMALLER, "draft") for c in (1, 2, 3))


def _span(shares):
    low, *_, high = sorted(shares)
    return f"{low:.0f} to {high:.0f}"


def words_of(name, how, d=3):
    """Recorded: words written for one sum."""
    return BY_DIGITS[f"{name} {how} {d}"][1]


def carries_right(name, run):
    """Recorded: % right at once of three digits, by the longest run of carries."""
    return 100 * BY_CARRIES[name][run][0]


# ---- votes and tries

ASKED_SUMS, DRAWN, PARTS = 32, 16, 8
WHO = {  # who answers: model, how
    "target, at once": ("target", "at once"),
    "quick, at once": ("quick", "at once"),
    "draft, worked": ("draft", "worked"),
}


@demo(
    "model",
    *MODELS_HERE,
    k=Slider("Answers k", 1, DRAWN, value=9),
    who=Choice("Who answers", tuple(WHO), value="target, at once"),
    share=Toggle("Break it: pass@k from the share"),
)
def votes_and_tries(k, who, share):
    """32 sums of three digits, 16 answers drawn to each: a vote among k, and whether any of k is right."""
    for part in range(PARTS):
        _answers(who, part)
        yield Progress(part + 1, 2 * PARTS, "Drawn")
    for part in range(PARTS):
        _likeliest(WHO[who][0], part)
        yield Progress(PARTS + part + 1, 2 * PARTS, "Worked")
    answers, truth, words = _all_answers(who)
    single, single_words = (float(np.mean([_likeliest(WHO[who][0], part)[i] for part in range(PARTS)])) for i in (0, 1))
    ks = np.arange(1, DRAWN + 1)
    vote = [100 * float(np.mean([voted(row, y, int(x)) for row, y in zip(answers, truth, strict=True)])) for x in ks]
    counts = [row.count(y) for row, y in zip(answers, truth, strict=True)]
    some = [100 * float(np.mean([_passed(c, int(x), share) for c in counts])) for x in ks]
    yield (
        Figure(
            [
                line(words * ks, some, "one of k is right", "reference", "dash"),
                line(words * ks, vote, "the vote is right", "output"),
                points([words * k, words * k], [some[k - 1], vote[k - 1]], "chosen k", "query", "diamond"),
                points([single_words], [single], "one working", "key", "square"),
            ],
            x_title="Words written for one sum",
            y_title="Right (%)",
            alt=f"{who}, {words * k:.0f} words a sum, k = {k}: the vote is right for {vote[k - 1]:.0f} %, one of k for "
            f"{some[k - 1]:.0f} %; with 1 answer {vote[0]:.0f} %, with 16 {vote[-1]:.0f} and {some[-1]:.0f} %. One "
            f"working, {single_words:.0f} words: {single:.0f} %.",
            xaxis={"type": "log", "tickvals": [4, 8, 16, 32, 64, 128, 256]},
            yaxis={"range": [-4, 108]},
            legend=ABOVE_IT,
            showlegend=True,
        ),
        Metrics(
            ("One answer", vote[0], "%", "drawn at temperature 1"),
            (f"Vote of {k}", vote[k - 1], "%", "equal leaders share the point"),
            (f"pass@{k}", some[k - 1], "%", "from the share: too low" if share else f"of {DRAWN} drawn, without bias"),
            ("One working of likeliest words", single, "%", f"by the same model, {single_words:.0f} words"),
        ),
        Note(f"{ASKED_SUMS} sums: one standard error is up to 9 points."),
    )


def _passed(c, k, share):
    return pass_from_share(DRAWN, c, k) if share else pass_at_k(DRAWN, c, k)


@cache
def _answers(who, part):
    """A part of the sums, DRAWN answers to each, as numbers (−1: none could be read); the truth; words written."""
    (name, how), sums = WHO[who], drawn_sums(ASKED_SUMS, 3, 2_000)[part::PARTS]
    ask, most = (at_once, 8) if how == "at once" else (worked, 40)
    prompts = [ask(*each) for each in sums for _ in range(DRAWN)]
    texts = write_on(lm.load(name), prompts, most, T=1.0, seed=part)
    found = [-1 if (said := answer_in(text)) is None else said for text in texts]
    rows = [found[i : i + DRAWN] for i in range(0, len(found), DRAWN)]
    return rows, [result(*each) for each in sums], sum(map(len, texts)) / len(texts)


def _all_answers(who):
    parts = [_answers(who, part) for part in range(PARTS)]
    rows, truth = ([x for part in parts for x in part[i]] for i in (0, 1))
    return rows, truth, float(np.mean([words for *_, words in parts]))


@cache
def _likeliest(name, part):
    """A part of the sums, worked once with the likeliest words: % right, words written."""
    sums = drawn_sums(ASKED_SUMS, 3, 2_000)[part::PARTS]
    texts = write_on(lm.load(name), [worked(*each) for each in sums], 40)
    right = [answer_in(text) == result(*each) for text, each in zip(texts, sums, strict=True)]
    return 100 * float(np.mean(right)), float(np.mean([len(text) for text in texts]))


def voted_share(name, how, k, what="vote"):
    """Recorded: % of 100 sums right by a vote of k of 64 answers, or one of k right ("pass")."""
    return 100 * VOTES[f"{name} {how}"][("vote", "pass").index(what)][(1, 2, 4, 8, 16, 32, 64).index(k)]


def measured_p(name, how):
    """Recorded: how often one answer is right."""
    return VOTES[f"{name} {how}"][1][0]


def measured_correlation(name, how):
    """The correlation of two answers to one sum, from how often one of the two is right."""
    p, one_of_two = VOTES[f"{name} {how}"][1][:2]
    return (2 * p - one_of_two - p * p) / (p * (1 - p))


def foretold(name, how, k, R=9):
    """What the formula says of a vote, from these two numbers and R rivals."""
    return self_consistency_accuracy(measured_p(name, how), k, R, measured_correlation(name, how))
