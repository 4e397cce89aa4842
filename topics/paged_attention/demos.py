"""What the page on PagedAttention shows of memory: a map of it, samples that share, prompts that begin alike."""

from itertools import chain

import numpy as np

from topics.kit import (
    Choice,
    Figure,
    Frame,
    LogSlider,
    Metrics,
    Note,
    Seed,
    Slider,
    Steps,
    Table,
    Text,
    Tokens,
    UnreadableError,
    demo,
    heatmap,
    label,
    line,
    rule,
)
from topics.kit.model.text import decode, encode
from topics.kit.page.words import counted
from topics.paged_attention.method import (
    Pool,
    admit,
    append_token,
    block_hashes,
    blocks_for,
    fork,
    longest_hit,
    release,
)
from topics.paged_attention.scheduler import Request, compute, schedule_step

# ---- a map of the memory

SLOTS, CONTEXT, STEPS, QUEUE = 1024, 128, 150, 4  # of the memory; of the longest text; of the run; who waits
WARM = 30  # steps until the memory is in use
# words of 100 texts of the house language that no model was trained on
LENGTHS = (37, 40, 17, 86, 41, 51, 33, 34, 45, 46, 69, 83, 15, 33, 17, 17, 58, 18, 75, 33, 90, 85, 38, 35, 33, 18, 30,
           40, 50, 58, 20, 89, 43, 62, 14, 37, 21, 44, 13, 23, 41, 82, 17, 34, 13, 26, 36, 83, 24, 43, 82, 13, 34, 25,
           38, 37, 13, 33, 11, 35, 20, 57, 53, 33, 13, 30, 49, 11, 15, 32, 17, 75, 13, 30, 18, 15, 41, 46, 38, 38, 41,
           38, 14, 75, 46, 21, 25, 12, 19, 64, 26, 48, 36, 35, 17, 17, 42, 17, 22, 15)  # fmt: skip


def serve(b, seed, at=None):
    """A full queue of texts, each with a third of its words as prompt, through a memory of SLOTS slots in blocks of b.

    returns  (memory, what happened): memory (SLOTS,) holds, after step `at`, the number of the text whose word lies in
             a slot, −1 for a slot that a text holds and does not use, −2 for a free one
    """
    lengths = np.random.default_rng(seed).choice(LENGTHS, 1000).tolist()
    pool, running, waiting, seen = Pool(SLOTS // b, b), [], [], []
    at_once = held = done = 0
    memory = None
    for step in range(1, STEPS + 1):
        while len(waiting) < QUEUE:
            T = lengths[len(seen)]
            waiting.append(Request(len(seen), max(T // 3, 1), T))
            seen.append(waiting[-1])
        plan = schedule_step(running, waiting, pool, SLOTS)
        if step == at:
            memory = drawn(running, {request.name: request.computed + count for request, count in plan}, b)
        done += len(compute(plan, running, pool))
        if step > WARM:
            at_once += len(plan)
            held += sum(request.computed for request in running)
    steps = STEPS - WARM
    return memory, {
        "at once": at_once / steps,
        "held": 100 * held / steps / SLOTS,
        "done": done,
        "preempted": sum(request.preempted for request in seen),
        "again": sum(request.recomputed for request in seen),
    }


def drawn(running, words, b):
    """Whose word lies in each slot, if the texts that run have so many words: (SLOTS,)."""
    memory = np.full((SLOTS // b, b), -2)
    for request in running:
        for i, block in enumerate(request.table):
            filled = min(max(words.get(request.name, 0) - i * b, 0), b)
            memory[block, :filled], memory[block, filled:] = request.name, -1
    return memory.ravel()


@demo(
    b=LogSlider("Slots to a page", 1, CONTEXT, value=16, unit="slots"),
    step=Slider("Step", 10, STEPS, value=100, step=10),
    seed=Seed(),
)
def memory_map(b, step, seed):
    """The same texts through the same memory: a row of 128 slots reserved for each, and pages given out as needed."""
    reserved, before = serve(CONTEXT, seed, step)
    paged, now = serve(b, seed, step)
    both = [shades(reserved), np.zeros((1, CONTEXT)), shades(paged)]
    z = np.concatenate(both)[::-1]  # the first row on top
    rows = SLOTS // CONTEXT
    figure = Figure(
        [heatmap(z, np.arange(CONTEXT) + 1, np.arange(2 * rows + 1), "slots", "key", zmin=-1, zmax=1)],
        x_title="Slot of a row",
        y_title="Rows of the memory",
        alt=f"After step {step}: with reservation words fill {used(reserved)} of {SLOTS:,} slots, and "
        f"{(reserved == -1).sum()} more are held empty; with pages of {counted(b, 'slot')} they fill {used(paged)}, "
        f"and {(paged == -1).sum()} are held empty.",
        height=380,
        yaxis={"showticklabels": False, "ticks": "", "range": [-0.5, 2 * rows + 1.6]},
        annotations=[
            label(1, 2 * rows + 0.5, "128 slots reserved for each text", xanchor="left", yanchor="bottom"),
            label(1, rows - 0.5, f"pages of {counted(b, 'slot')}", xanchor="left", yanchor="bottom"),
        ],
    )
    table = Table(
        ("", "reserved", f"pages of {b}"),
        [
            ("texts at once (mean)", round(before["at once"], 1), round(now["at once"], 1)),
            ("slots that hold words (mean, %)", round(before["held"]), round(now["held"])),
            (f"texts done after {STEPS} steps", before["done"], now["done"]),
            ("times a text lost its pages", before["preempted"], now["preempted"]),
            ("words computed again", before["again"], now["again"]),
        ],
    )
    return figure, table, Note(
        "Strong cells hold a word's key and value, in three shades, by text. Pale cells are held by a text, and empty. "
        "Blank ones are free."
    )  # fmt: skip


def used(memory):
    return int((memory >= 0).sum())


def shades(memory):
    """Shades of slots (rows, CONTEXT): −0.3 held and empty, 0 free, else one of three by text."""
    z = np.where(memory >= 0, 0.55 + 0.225 * (memory % 3), np.where(memory == -1, -0.3, 0.0))
    return z.reshape(-1, CONTEXT)


def waste(b, T):
    """Slots that a text of T tokens holds and does not use, if T is as likely to be any number of that size, over T."""
    return (b - 1) / 2 / T


# ---- samples that share a prompt

STORY = decode(encode("[polite] story : Anna has lamps . Ben visits Rome . Clara has keys . Dan visits Oslo ."))


@demo(
    T=Slider("Words of the prompt", 2, 18, value=10, unit="words"),
    n=Slider("Samples", 1, 5, value=3),
    b=Choice("Slots to a page", (1, 2, 4, 8), value=4),
)
def samples_share(T, n, b):
    """Several answers to one prompt: forked tables that copy on write (2023), and full blocks found by hash (today)."""
    prompt, names = STORY[:T], [f"sample {i + 1}" for i in range(n)]
    old, new, copied = Pool(64, b), Pool(64, b), 0
    first = [append_token(old, table, t)[0] for table in [[]] for t in range(T)]
    table = list(dict.fromkeys(first))
    frames = [Frame("The prompt is read. Its words lie in " + counted(len(table), "page") + ".",
                    pages_used(old, [table], prompt, [], "2023: one table"))]  # fmt: skip
    tables = [table] + [fork(old, table) for _ in range(n - 1)]
    hashes, shared, hits = block_hashes(prompt, b), [], []
    for _ in names:
        mine, hit = admit(new, hashes, T)
        shared.append(mine)
        hits.append(hit)
    later = f" All but the first compute {T - hits[-1]} of {counted(T, 'word')}." if n > 1 else ""
    frames.append(Frame(
        f"{counted(n, 'sample')} to come. In 2023 all tables name the same pages. Today each looks for full pages, and "
        f"computes the rest.{later}",
        pages_used(old, tables, prompt, [], "2023: forked tables"),
        pages_used(new, shared, prompt, [], "today: found by hash"),
    ))  # fmt: skip
    written = [f"{chr(65 + i)}1" for i in range(n)]
    for i, name in enumerate(names):
        _, _, source = append_token(old, tables[i], T)
        append_token(new, shared[i], T)
        copied += source is not None
        how = f"page {source} is copied first, as others read it" if source is not None else "no page is copied"
        frames.append(Frame(
            f"The first word of {name}. In 2023 {how}. Today it goes to a page of its own.",
            pages_used(old, tables, prompt, written[: i + 1], "2023: copy on write"),
            pages_used(new, shared, prompt, written[: i + 1], "today: pages only grow"),
        ))  # fmt: skip
    alone = n * blocks_for(T + 1, b)
    return Steps(*frames), Metrics(
        ("Pages, nothing shared", alone, "", f"{n} · ⌈({T} + 1)/{b}⌉"),
        ("Pages, 2023", old.n - len(old.queue), "", f"{counted(copied, 'page')} copied"),
        ("Pages, today", new.n - len(new.queue), "", f"words of the prompt computed: {T} + {n - 1} · {T - hits[-1]}"),
    )


def pages_used(pool, tables, prompt, written, caption):
    """The pages that tables name: what lies in them, and how many tables name each."""
    b, rows = pool.b, {}
    for i, table in enumerate(tables):
        text = prompt + written[i : i + 1]
        for j, block in enumerate(table):
            words = text[j * b : (j + 1) * b]
            rows[block] = max(rows.get(block, []), words, key=len)
    return Table(
        ("page", "holds", "tables"),
        [(block, " ".join(rows[block]) or "nothing yet", pool.users[block]) for block in sorted(rows)],
        caption,
    )


# ---- prompts that begin alike

PROMPTS = """It is Monday 9:00 . You guide visitors in Rome . Be brief . Where is the forum ?
It is Monday 9:05 . You guide visitors in Rome . Be brief . Who built the wall ?
You guide visitors in Rome . Be brief . It is Monday 9:10 . Where is the forum ?
You guide visitors in Rome . Be brief . It is Monday 9:15 . Who built the wall ?"""
ORDERS = ("as written", "from the last to the first", "the longest hit first")


def lines_of(text, pages, b):
    """A reader's prompts, each a list of words that fits into so many pages. raises UnreadableError"""
    prompts = [words for words in map(str.split, text.splitlines()) if words]
    if not prompts:
        raise UnreadableError("Write a prompt or more, each on a line of its own.")
    longest = max(map(len, prompts))
    if blocks_for(longest, b) > pages:
        raise UnreadableError(
            f"A prompt of {longest} words takes {counted(blocks_for(longest, b), 'page')} of {b}; there are {pages}."
        )
    return prompts


def next_prompt(pool, waiting, order, b):
    """Which of the waiting prompts is served now: its place in the list."""
    if order == "from the last to the first":
        return len(waiting) - 1
    if order == "as written":
        return 0
    hits = [len(longest_hit(pool, block_hashes(words, b), len(words))) for words in waiting]
    return hits.index(max(hits))


@demo(
    room=Slider("Room in memory", 24, 128, value=96, step=8, unit="words"),
    text=Text("Prompts, one a line", PROMPTS, limit=900, lines=6, examples=("a b c d e f g h\na b c d e f g i",)),
    b=Choice("Words to a page", (1, 2, 4, 8), value=4),
    order=Choice("Order", ORDERS, value="as written"),
)
def prefix_cache(room, text, b, order):
    """Prompts served one after the other: words whose keys and values lie in memory already, and words to compute."""
    waiting, pool = lines_of(text, room // b, b), Pool(room // b, b)
    strips, words_in, words_hit, evicted = [], 0, 0, 0
    while waiting:
        words = waiting.pop(next_prompt(pool, waiting, order, b))
        known = len(pool.found)
        table, hit = admit(pool, block_hashes(words, b), len(words))
        fresh = len(words) // b - hit // b  # full pages that were not known
        evicted += known + fresh - len(pool.found)
        release(pool, table)
        values = [1.0] * hit + [0.12] * (len(words) - hit)
        strips.append(Tokens(words, values, "key", f"{hit} of {counted(len(words), 'word')} found"))
        words_in, words_hit = words_in + len(words), words_hit + hit
    return (
        Metrics(
            ("Found in memory", round(100 * words_hit / words_in, 1), "% of words", f"{words_hit} of {words_in}"),
            ("Still to compute", words_in - words_hit, "words", "the last word of a prompt always is"),
            ("Pages forgotten", evicted, "", "known ones that were taken for something else"),
        ),
        *strips[:12],
        *([Note(f"Only the first 12 of {len(strips)} prompts are drawn.")] if len(strips) > 12 else []),
    )


# ---- chats, and the order in which they are served

CHATS, TURNS, SYSTEM, SAYS = 12, 6, 64, 30  # chats; turns of each; words of what all begin with, and of a turn


def chats(seed):
    """Prompts of chats, as [chat][turn] lists of word numbers: what all begin with, and all that was said so far."""
    rng = np.random.default_rng(seed)
    system = rng.integers(0, 10**6, SYSTEM).tolist()
    texts = []
    for _ in range(CHATS):
        said = [rng.integers(0, 10**6, int(n)).tolist() for n in rng.integers(SAYS // 2, 3 * SAYS // 2, TURNS)]
        texts.append([[*system, *chain(*said[: turn + 1])] for turn in range(TURNS)])
    return texts


def hit_rate(prompts, room, b):
    """Share in % of the words of prompts, a list of (hashes, words), that lie in memory when they come."""
    pool, total, found = Pool(room // b, b), 0, 0
    for hashes, T in prompts:
        table, hit = admit(pool, hashes, T)
        release(pool, table)
        total, found = total + T, found + hit
    return 100 * found / total


def hashed_chats(seed, b):
    """The same prompts, each as the hashes of its pages and its number of words."""
    return [[(block_hashes(text, b), len(text)) for text in chat] for chat in chats(seed)]


ROOMS = (400, 800, 1200, 1600, 2000, 2400, 3200)  # words


@demo(
    room=Slider("Room in memory", 400, 3200, value=800, step=400, unit="words"),
    b=Choice("Words to a page", (8, 16, 64), value=16),
    seed=Seed(),
)
def order_matters(room, b, seed):
    """Twelve chats of six turns that begin alike, served in turn or one after the other, by the room for pages."""
    texts = hashed_chats(seed, b)
    turns = [chat[turn] for turn in range(TURNS) for chat in texts]
    whole = [prompt for chat in texts for prompt in chat]
    a, z = ([hit_rate(order, size, b) for size in ROOMS] for order in (turns, whole))
    now = hit_rate(turns, room, b), hit_rate(whole, room, b)
    figure = Figure(
        [line(ROOMS, z, "chat after chat", "query", "dash", mode="lines+markers"),
         line(ROOMS, a, "in turn", "key", mode="lines+markers")],
        x_title="Room in memory (words)",
        y_title="Words found in memory (%)",
        alt=f"Room for {room:,} words in pages of {b}: in turn {now[0]:.0f} % of the words are found, chat after chat "
        f"{now[1]:.0f} %. From {ROOMS[0]} to {ROOMS[-1]:,} words of room the first goes from {a[0]:.0f} to "
        f"{a[-1]:.0f} %.",
        yaxis={"range": [0, 100]},
        showlegend=False,
        shapes=[rule(x=room)],
        annotations=[label(ROOMS[-1], z[-1], "chat after chat", xanchor="right", yanchor="bottom", yshift=6),
                     label(ROOMS[1], a[1], "in turn", xanchor="left", yanchor="top", yshift=-8)],
    )  # fmt: skip
    return figure, Metrics(
        ("Found, in turn", round(now[0], 1), "% of words"),
        ("Found, chat after chat", round(now[1], 1), "% of words"),
        (
            "Words of all chats",
            sum(chat[-1][1] for chat in texts) - (CHATS - 1) * SYSTEM,
            "",
            "what all begin with, once",
        ),
    )
