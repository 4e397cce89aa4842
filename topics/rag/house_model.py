"""The house model reads what was found: with the right passage, without it, and with a wrong one."""

import numpy as np

from topics.kit import Choice, Figure, Metrics, Note, Seed, Slider, Tokens, bars, demo, lm
from topics.kit.model.language import FOODS, WORDS
from topics.kit.page.words import counted
from topics.rag.house import STORES, facts_in, found, law_after, prompt_of, scored, store
from topics.rag.method import rag_token_marginal
from topics.rag.recorded import READS

LIKELIEST = 6


@demo(
    "model",
    "target",
    k=Slider("Passages read", 0, 11, value=4),
    kind=Choice("The store", STORES, value="lacks the fact"),
    animal=Choice("Asked", ("foxes", "owls", "mice", "bears"), value="foxes"),
    seed=Seed("Facts", 1),
)
def read_and_answer(k, kind, animal, seed):
    """A store of facts that the model has never read: what BM25 finds in it, and what the model answers."""
    told = store(seed)
    passages = found(facts_in(told, animal, kind), animal, k)
    prompt = prompt_of(passages, animal)
    p = law_after(lm.load("target"), prompt)
    best = np.argsort(-p, kind="stable")[:LIKELIEST]
    word, sure = WORDS[best[0]], float(p[best[0]])
    right = word == told[animal]
    return (
        Tokens(
            [*prompt.split(), word], [0.0] * len(prompt.split()) + [1.0], "output", "What the model reads, and says"
        ),
        Figure(
            [bars([WORDS[i] for i in best], [100 * float(p[i]) for i in best], "next word", "output")],
            y_title="Probability (%)",
            alt=f"After {counted(len(passages), 'passage')} the likeliest word is {word}, {100 * sure:.1f} %. "
            f"{animal.capitalize()} eat {told[animal]}.",
            yaxis={"range": [0, 105]},
            height=260,
        ),
        Metrics(
            ("So it was drawn", told[animal], ""),
            ("Answer", word, ""),
            ("Probability of it", 100 * sure, "%"),
            ("Each passage read apart", *read_apart(passages, animal)),
        ),
        Note(verdict(word, right, kind, passages), "info" if right else "warning"),
    )


def read_apart(passages, animal):
    """The likeliest word of the mixture (eq:marginal), and how likely it is."""
    if not passages:
        return "—", ""
    model = lm.load("target")
    laws = np.stack([law_after(model, prompt_of([passage], animal)) for passage in passages])
    mixed = rag_token_marginal(laws, scored(passages, animal))
    best = int(mixed.argmax())
    return WORDS[best], "", f"{100 * mixed[best]:.1f} %, a mixture weighted by the softmax of BM25's scores"


def verdict(word, right, kind, passages):
    if right:
        return "Right, by chance: it copied what another eats." if kind == "lacks the fact" else "Right."
    if word not in FOODS:
        return "It names no food."
    if kind == "has it wrong":
        return "Wrong, and as it read it: it can't know better."
    other = next((passage.split()[0] for passage in passages if word in passage.split()), "")
    return f"Wrong: that is what {other} eat." if other else "Wrong, and nothing that it read says so."


def sure_above(name, kind, k, least=0.999):
    """For the page's text: of 60 answers, how many with a probability of the likeliest word above `least`."""
    return sum(p > least for p in READS[name, kind, k][3])


def middle_of(name, kind, k):
    """The median of that probability."""
    return float(np.median(READS[name, kind, k][3]))


def right_share(name, kind, k):
    return 100 * READS[name, kind, k][0]
