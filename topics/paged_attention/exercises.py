"""What a reader of the page on PagedAttention is asked."""

import numpy as np

from topics.kit import exercise, same


def _read_rows(pages, table, T):
    b = pages.shape[1]
    return np.array([pages[table[t // b], t % b] for t in range(T)]).reshape(T, *pages.shape[2:])


@exercise(
    start="""
        def read_rows(pages, table, T):
            # pages (n, b, D)      table: a text's pages, in the order of its tokens      returns (T, D)
            b = pages.shape[1]
            return np.concatenate([pages[page] for page in range(T // b)])
    """,
    solution=_read_rows,
    hint="Token t, counted from 0, stands in slot t % b of page table[t // b]. A table may be longer than it need be.",
)
def find_the_rows(answer, rng):
    """Write `read_rows(pages, table, T)`: the rows of a text's first `T` tokens, in order. The starter code reads other
    people's pages, and loses a page that is not full. The last pages of `table` may not be in use yet."""
    for b, T, spare in ((4, 8, 1), (4, 7, 0), (3, 1, 2), (1, 5, 1), (5, 5, 0), (2, int(rng.integers(3, 12)), 1)):
        n, D = 16, 2
        pages = rng.normal(size=(n, b, D))
        table = rng.permutation(n)[: -(-T // b) + spare]
        table = table[::-1].copy() if (np.diff(table) > 0).all() else table  # never in order
        expected = [pages[table[t // b]][t - t // b * b] for t in range(T)]
        same(answer(pages, table, T), expected, "the rows", b=b, table=table, T=T)


def _find_prefix(tokens, b, index, hash_of):
    pages, parent = [], ""
    for start in range(0, (len(tokens) - 1) // b * b, b):
        parent = hash_of(parent, tokens[start : start + b])
        if parent not in index:
            break
        pages.append(index[parent])
    return pages


def _hash_of(parent, tokens):
    """No hash at all: a text that names everything, so that nothing collides."""
    return f"{parent}({','.join(map(str, tokens))})"


def _path(tokens, b, k):
    """The hash of page k of a text."""
    parent = ""
    for j in range(k + 1):
        parent = _hash_of(parent, tokens[j * b : j * b + b])
    return parent


def _index(texts, b, rng):
    """{hash: page} of the full pages of texts."""
    pages = iter(rng.permutation(100).tolist())
    return {_path(text, b, k): next(pages) for text in texts for k in range(len(text) // b)}


def _judge_hit(answer, tokens, b, index, story):
    """Whether an answer finds what lies in the index: page after page, until one is missing or no token is left."""
    expected = []
    for k in range(len(tokens)):
        if (k + 1) * b > len(tokens) - 1 or _path(tokens, b, k) not in index:
            break
        expected.append(index[_path(tokens, b, k)])
    got = answer(list(tokens), b, dict(index), _hash_of)
    assert isinstance(got, list | tuple | np.ndarray), f"expected a list of pages, got {got!r}"
    assert [int(page) for page in got] == expected, (
        f"expected the pages {expected}, got {list(got)}, where {story}; for tokens = {tokens}, b = {b}, "
        f"index = {index}"
    )


@exercise(
    start="""
        def find_prefix(tokens, b, index, hash_of):
            # index: {hash: page} of the full pages in memory
            # hash_of(parent, tokens): the hash of a page; parent is the hash before it, "" for the first page
            pages = []
            for start in range(0, len(tokens), b):
                h = hash_of("", tokens[start : start + b])
                if h in index:
                    pages.append(index[h])
            return pages
    """,
    solution=_find_prefix,
    hint="Hand each page's hash to the next. Stop at the first that is missing. The last token is never taken from "
    "memory, so (len(tokens) - 1) // b pages are the most.",
)
def find_the_beginning(answer, rng):
    """Write `find_prefix(tokens, b, index, hash_of)`: the pages that hold the beginning of a prompt, in order, as a
    list. At least one token must be left to compute. The starter code makes three mistakes."""
    text = rng.integers(1, 100, 14).tolist()
    for b in (2, 3, 4):
        whole = _index([text, [101, *text[1:]]], b, rng)
        part = _hash_of("", text[2 * b : 2 * b + 1])
        lost = {h: page for h, page in whole.items() if h != _path(text, b, 1)}
        tails = whole | {part: 900, _path(text, b, 1) + part: 901}
        _judge_hit(answer, [102, *text[1:]], b, whole, "all tokens but the first are those of another text")
        _judge_hit(answer, [*text[: 2 * b], 103, *text[2 * b + 1 :]], b, whole, "the beginning is that of another text")
        _judge_hit(answer, [*text[: b + 1], 104], b, whole, "the second page is alike in part")
        _judge_hit(answer, text[: 2 * b], b, whole, "the whole prompt lies in memory")
        _judge_hit(answer, text[: 2 * b + 1], b, tails, "a page that is not full has a hash, too")
        _judge_hit(answer, text, b, lost, "the second page was given away and the third was not")
        _judge_hit(answer, text, b, {}, "nothing lies in memory")
        _judge_hit(answer, text[:1], b, whole, "the prompt is one token")


def _give_back(table, users, queue):
    for page in reversed(table):
        if users[page] == 0:
            raise ValueError(f"page {page} is free already")
        users[page] -= 1
        if users[page] == 0:
            queue.append(page)
    return queue


@exercise(
    start="""
        def give_back(table, users, queue):
            # users: list, how many tables name each page      queue: list of unused pages, the next to be taken first
            for page in table:
                queue.append(page)
                users[page] = 0
            return queue
    """,
    solution=_give_back,
    hint="Count down, and let only a page that reaches 0 join the queue. Go through the table from its end. A page "
    "whose count is 0 before you count down was given back already.",
)
def give_the_pages_back(answer, rng):
    """Write `give_back(table, users, queue)`: a text is done. Change `users` and `queue` in place, and return `queue`.
    Pages that nobody uses any more join the queue's end, the text's last page first, as few texts share it. Giving back
    a page that is free must raise a `ValueError`."""
    for shared in (0, 1, 2, 4):
        n, length = 12, 4
        pages = rng.permutation(n).tolist()
        table, free = pages[:length], pages[length : length + 3]
        users = [0] * n
        for i, page in enumerate(table):
            users[page] = 1 + (i < shared) * int(rng.integers(1, 4))
        for page in pages[length + 3 :]:
            users[page] = int(rng.integers(1, 4))  # of others
        left = [users[page] - (page in table) for page in range(n)]
        expected = free + [page for page in table[::-1] if left[page] == 0]
        mine, count = list(free), list(users)
        got = answer(list(table), count, mine)
        case = f"for table = {table}, users = {users}, queue = {free}"
        assert list(got) == expected, f"expected the queue {expected}, got {list(got)}; {case}"
        assert count == left, f"expected users {left}, got {count}; {case}"
        assert mine == expected, f"the queue was not changed in place: {mine}; {case}"
    try:
        answer([2, 0], [1, 0, 0], [1])
    except ValueError:
        return
    raise AssertionError("page 2 is given back though no table names it: expected a ValueError")
