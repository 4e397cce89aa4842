"""The house model and its small draft: a text written by guesses, the law after a step, and other ways to guess."""

import numpy as np

from topics.kit import (
    Badge,
    Choice,
    Figure,
    Frame,
    Metrics,
    Note,
    Progress,
    Seed,
    Slider,
    Steps,
    Table,
    Text,
    Toggle,
    Tokens,
    bars,
    demo,
    line,
    lm,
    max_abs_difference,
    points,
)
from topics.kit.model.language import KINDS
from topics.kit.model.text import decode, encode, held_out, read
from topics.kit.page.words import counted, short
from topics.speculative_decoding.decoding import DRAFT, EXIT, LOOKUP, drafter, laws, write
from topics.speculative_decoding.method import (
    acceptance_rate,
    distance,
    law_of_step,
    tree_acceptance,
)

WRITTEN = 60  # words of a text, at most, in these demos


# ---- a text by guesses


@demo(
    "model",
    "target",
    "draft",
    gamma=Slider("Guesses a pass (γ)", 1, 8, value=4),
    kind=Choice("Text", tuple(KINDS), value="story"),
    temperature=Choice("Temperature", (0.5, 1.0, 2.0), value=1.0),
    seed=Seed(),
)
def write_together(gamma, kind, temperature, seed):
    """A draft a tenth of the size guesses; the house model checks γ guesses in one pass, and adds a word."""
    prompt = encode(f"[polite] {kind} :").tolist()
    passes, total = [], WRITTEN - len(prompt)
    for each in write(prompt, gamma, DRAFT, temperature, seed, WRITTEN):
        passes.append(each)
        yield Progress(min(total, sum(len(p.words) for p in passes)), total, "Writing")
    yield _together_views(prompt, passes, gamma)


def _together_views(prompt, passes, gamma):
    words = [word for each in passes for word in each.words]
    accepted = [each.accepted for each in passes]
    guessed = [float(i < each.accepted) for each in passes for i in range(len(each.words))]
    number = list(range(1, len(passes) + 1))
    figure = Figure(
        [
            bars(number, accepted, "guessed by the draft, accepted", "key"),
            bars(number, [each.own for each in passes], "the target's own word", "query"),
        ],
        x_title="Pass of the target",
        y_title="Words that it gave",
        alt=f"{len(words)} words in {len(passes)} passes of the target, {len(words) / len(passes):.2f} a pass. The "
        f"draft guessed {sum(accepted)} of them; one a pass is the target's own"
        + (f", but for pass {len(passes)}, where the text ends on a guess." if not passes[-1].own else "."),
        height=260,
        barmode="stack",
        yaxis={"range": [0, gamma + 1.9], "dtick": 1 if gamma < 5 else 2},
        legend={"orientation": "h", "y": 1.15, "traceorder": "normal"},
    )
    strip = Tokens(
        decode([*prompt, *words]),
        [0.0] * len(prompt) + guessed,
        "key",
        "Shaded: words that the draft guessed. The others are the prompt's and the target's own.",
    )
    metrics = Metrics(
        ("Words a pass of the target", len(words) / len(passes), "", f"{len(words)} / {len(passes)}"),
        ("Written by the draft", 100 * sum(accepted) / len(words), "%", f"{sum(accepted)} / {len(words)}"),
        ("Passes of the draft", sum(len(each.guesses) for each in passes), "", f"{gamma} before each of the target's"),
    )
    off = max(max_abs_difference(law_of_step(each.p[0], each.q[0])[0], each.p[0]) for each in passes if len(each.q))
    exact = Badge("Law of each pass's first word against the target's: max|Δ|", off, ROUNDING)
    return figure, strip, metrics, exact, Steps(*(_frame(i, each) for i, each in enumerate(passes, 1)))


def _frame(i, each):
    """What happened in one pass, guess by guess."""
    rows, told = [], decode([*each.guesses])
    for n, word in enumerate(each.guesses):
        p, q = each.p[n, word], each.q[n, word]
        verdict = (
            "accepted" if n < each.accepted else "rejected" if n == each.accepted and each.own else "not looked at"
        )
        rows.append((told[n], verdict, float(min(1, p / q)), float(p), float(q)))
    last = decode(each.words[-1:])[0]
    if not each.own:
        why = f"the text ends with the guess “{last}”"
    elif each.accepted == len(each.guesses):
        why = f"the target adds “{last}”, on top, from p"
    else:
        why = f"the target adds “{last}”, in its place, from the residual"
    return Frame(
        f"Pass {i}: {each.accepted} of {counted(len(each.guesses), 'guess').replace('guesss', 'guesses')} accepted; "
        f"{why}.",
        Table(("guess", "verdict", "min(1, p/q)", "target's p", "draft's q"), rows),
    )


def words_a_pass(gamma, kind="story", draft=DRAFT, seeds=3, last=True):
    """Words that a pass gives, texts of so many seeds taken together; with or without each text's last pass, which its
    end cuts short."""
    prompt, counts = encode(f"[polite] {kind} :").tolist(), []
    for seed in range(seeds):
        passes = [len(each.words) for each in write(prompt, gamma, draft, 1.0, seed, WRITTEN)]
        counts += passes if last else passes[:-1]
    return sum(counts) / len(counts)


# ---- the law after a step

RATIO, EQUAL = "by p/q", "if equal to a word drawn from p"
FACTS, SUM = "[polite] facts :", "[polite] answer : 3 7 4 - 2 0 0 ="


@demo(
    "model",
    "target",
    "draft",
    temperature=Slider("Temperature", 0.2, 2.0, value=1.0, step=0.2),
    text=Text("Text so far", FACTS, suggest=True, examples=("[polite] story : Anna has", SUM)),
    kind=Choice("Draft", (EXIT, DRAFT), value=EXIT),
    rule=Choice("Accept a guess", (RATIO, EQUAL), value=RATIO),
    again=Toggle("Break it: after a rejection, draw anew from p"),
    likeliest=Toggle("Guess the draft's likeliest word (breaks the rule by p/q)"),
)  # fmt: skip
def law_after_a_step(temperature, text, kind, rule, again, likeliest):
    """The exact law of the next word after one step of guess and check, beside the target's."""
    p, q = laws_at(text, kind, temperature)  # (V,)
    law, accepted = law_of_step(p, q, likeliest, rule == EQUAL, again)
    top = np.argsort(-np.maximum(np.maximum(p, q), law).round(6), kind="stable")[:SHOWN]
    names = decode(top)
    off = distance(law, p)
    figure = Figure(
        [
            bars(names, p[top], "target's law p", "query"),
            bars(names, law[top], "law after a step", "output"),
            points(names, q[top], "draft's law q", "key", "diamond"),
        ],
        x_title="Next word",
        y_title="Probability",
        alt=f"The {SHOWN} likeliest next words. Target, after a step, draft: "
        + "; ".join(f"{w} {p[i]:.3f}, {law[i]:.3f}, {q[i]:.3f}" for w, i in list(zip(names, top, strict=True))[:4])
        + (
            f". The law after a step is {short(off)} off the target's."
            if off > ROUNDING
            else ". The law after a step is the target's."
        ),
        barmode="group",
        yaxis={"rangemode": "tozero"},
        legend={"orientation": "h", "y": 1.15},
    )
    return (
        figure,
        Metrics(
            ("A guess is accepted", 100 * accepted, "%", "of all guesses"),
            ("Draft's law off the target's", distance(p, q) if distance(p, q) > ROUNDING else 0.0, "", "½ Σ |p − q|"),
            ("Law after a step, off", off if off > ROUNDING else 0.0, "", "½ Σ |law − p|"),
        ),
        Badge("Law after a step against the target's: max|Δ|", max_abs_difference(law, p), ROUNDING),
        Note(*_why(rule == EQUAL, again, likeliest, off)),
    )


def laws_at(text, draft, temperature=1.0):
    """The target's and a draft's law (V,) of the word after a text."""
    words = read(text, 1, 100)
    return tuple(laws(model, words, None, temperature)[-1] for model in (lm.load("target"), drafter(draft)))


def law_off(text=FACTS, draft=EXIT, **rule):
    """How far the law of a step is off the target's, with a rule as in law_of_step."""
    p, q = laws_at(text, draft)
    return distance(law_of_step(p, q, **rule)[0], p)


def guess_accepted(text=FACTS, draft=EXIT, **rule):
    """How often a guess is accepted, with a rule as in law_of_step."""
    return float(law_of_step(*laws_at(text, draft), **rule)[1])


SHOWN = 8
ROUNDING = 1e-12


def _why(equal, again, likeliest, off):
    """What to say of a choice of rules."""
    if off <= ROUNDING and (again or likeliest):
        if equal and not again:
            return ("Exact: the word is one drawn from p in any case, and it does not matter how the guess was made. "
                    "The likeliest word is even the best guess under this rule.",)  # fmt: skip
        return ("Both laws are equal here, or nearly: nothing to be seen. Take another text.",)
    if again and likeliest:
        return "Two faults at once; neither repairs the other.", "warning"
    if again:
        return ("Words that the draft guesses too rarely must be drawn more often after a rejection, and those that it "
                "guesses too often never. Drawn from p, all are drawn.", "warning")  # fmt: skip
    if likeliest:
        return ("The rule trusts that a word with q = 0.1 is guessed one time in ten. It is guessed always: it comes "
                "far too often.", "warning")  # fmt: skip
    if equal:
        return ("Exact: the word was drawn from p. But two draws agree less often than the better rule accepts.",)
    return ("Exact: what is accepted too rarely is made up for by the residual, word by word.",)


# ---- other drafts


@demo(
    "model",
    "target",
    "draft",
    kind=Choice("Text", tuple(KINDS), value="song"),
    gamma=Choice("Guesses a pass (γ)", (2, 4, 8), value=4),
    seed=Seed(),
)
def other_drafts(kind, gamma, seed):
    """Words that a pass gives with a draft model, with three of the target's four layers, and with look-up."""
    prompt, rows = encode(f"[polite] {kind} :").tolist(), []
    for done, draft in enumerate(COST):
        counts, guessed = [], 0
        for text in range(TEXTS):
            for each in write(prompt, gamma, draft, 1.0, TEXTS * seed + text, WRITTEN):
                counts.append(len(each.words))
                guessed += len(each.guesses)
                if len(counts) % 8 == 0:
                    yield Progress(done * TEXTS + text, len(COST) * TEXTS, "Writing")
        a_pass = sum(counts) / len(counts)
        rows.append((draft, a_pass, COST[draft](), a_pass / (1 + COST[draft]() * guessed / len(counts))))
    names = [row[0] for row in rows]
    yield (
        Figure(
            [
                bars(names, [row[1] for row in rows], "words a pass", "key"),
                bars(names, [row[3] for row in rows], "times as fast, by parameters passed", "cost"),
            ],
            y_title="Words a pass; times as fast",
            x_title="Who guesses",
            alt=f"{TEXTS} texts of kind {kind}, up to {gamma} guesses a pass. "
            + "; ".join(f"{name}: {a:.2f} words a pass, {s:.2f} times as fast" for name, a, _, s in rows)
            + ". One a pass is no gain.",
            barmode="group",
            yaxis={"range": [0, gamma + 1.4], "dtick": 1 if gamma < 8 else 2},
            legend={"orientation": "h", "y": 1.15},
            shapes=[{"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": 1, "y1": 1,
                     "line": {"dash": "dash", "width": 1.5}}],
        ),
        Table(
            ("who guesses", "words a pass", "c, by parameters", "times as fast"),
            rows,
        ),
    )  # fmt: skip


TEXTS = 2


def _layers_share():
    """The parameters of three layers, the norm and the output matrix, in parts of the whole target's."""
    weights = lm.load("target").weights
    return sum(w.size for name, w in weights.items() if not name.startswith("3.")) / target_size()


def target_size():
    return sum(w.size for w in lm.load("target").weights.values())


def draft_size():
    return sum(w.size for w in lm.load("draft").weights.values())


COST = {DRAFT: lambda: draft_size() / target_size(), EXIT: _layers_share, LOOKUP: lambda: 0.0}


# ---- where guesses hold, and several candidates for one place


@demo(
    "model",
    "target",
    "draft",
    k=Slider("Candidates for each place (k)", 1, 8, value=1),
    text=Text("Text", "[polite] answer : 3 7 4 + 2 5 8 = 6 3 2 . thank you . [end]", suggest=True, limit=400,
              examples=("[polite] song : keys Rome lamps bells ; keys Rome lamps bells [end]", "[blunt]")),
    kind=Choice("Draft", (DRAFT, EXIT), value=DRAFT),
)  # fmt: skip
def where_guesses_hold(k, text, kind):
    """How likely one of k guesses is accepted at each place of a text."""
    numbers = read(text, 4, 100)
    p, q = laws_of(numbers, kind)
    rates = rates_of(p, q)  # (T-3, 8), for 1 to 8 candidates
    at = rates[:, k - 1]
    words, mean = decode(numbers), rates.mean(0)
    lowest = np.argsort(at.round(6), kind="stable")[:2]
    return (
        Tokens(words, [0.0] * 3 + at.tolist(), "key", "The darker, the likelier is a guess accepted. Not for the first "
               "three words."),
        Figure(
            [
                line(CANDIDATES, mean, "drawn from q", "key", mode="lines+markers"),
                line(CANDIDATES, likeliest_of(p, q).mean(0), "the likeliest k, if equal", "output", "dash",
                     mode="lines+markers"),
            ],
            x_title="Candidates for each place (k)",
            y_title="Probability that one is accepted",
            alt=f"Mean over the {len(at)} places of this text. Drawn from q: {mean[0]:.3f} with one candidate, "
            f"{mean[1]:.3f} with 2, {mean[3]:.3f} with 4, {mean[7]:.3f} with 8. The likeliest k, if equal: "
            + ", ".join(f"{x:.3f}" for x in likeliest_of(p, q).mean(0)[[0, 1, 3, 7]])
            + ".",
            height=260,
            yaxis={"range": [0, 1.08]},
            legend={"orientation": "h", "y": 1.2},
        ),
        Metrics(
            ("Accepted, in the mean", 100 * float(at.mean()), "%", f"{k} drawn for each place"),
            *((f"Least likely: “{words[i + 3]}”", 100 * float(at[i]), "%", f"word {i + 4}") for i in lowest),
        ),
    )  # fmt: skip


CANDIDATES = np.arange(1, 9)


def laws_of(numbers, kind):
    """The target's and a draft's laws (T-3, V) of each word of a text after its third, given all before it."""
    return tuple(laws(model, numbers[:-1], None, 1.0)[2:] for model in (lm.load("target"), drafter(kind)))


def rates_of(p, q, most=8):
    """tree_acceptance at each place, for 1 to `most` candidates: (T-3, most)."""
    return np.array([[tree_acceptance(a, b, k) for k in range(1, most + 1)] for a, b in zip(p, q, strict=True)])


def likeliest_of(p, q, most=8):
    """How often a word drawn from p is among the draft's likeliest 1 to `most`, at each place: (T-3, most)."""
    order = np.argsort(-q, -1, kind="stable")[:, :most]
    return np.cumsum(np.take_along_axis(p, order, -1), -1)


def alphas(kind, draft=DRAFT, n=8, skill=None):
    """α at the places of n held-out texts of a kind: all after the third word, or those that need a skill."""
    found = []
    for each in held_out(n, kind):
        at = acceptance_rate(*laws_of(encode(each.words), draft))  # (T-3,)
        found += [a for i, a in enumerate(at, 3) if skill is None or getattr(each.answers.get(i), "skill", "") == skill]
    return np.array(found)
