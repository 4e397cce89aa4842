"""Paged memory for keys and values: blocks, the tables that name them, and beginnings that texts share.

b slots of a block   n blocks of the pool   T tokens of a text   t a token, counted from 0
H query heads   H_kv key/value heads   D head width   table a text's blocks in the
order of its tokens: token t lies in slot t % b of block table[t // b]

A Pool knows who uses which block and what full blocks hold. The keys and values themselves lie in arrays K and V
(n, b, H_kv, D), one pair a layer, which it never touches: all layers share one table.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np


class OutOfBlocksError(MemoryError):
    """All blocks are in use."""


@dataclass
class Pool:
    """n blocks of b slots.

    users  (n,) how many tables name each block
    queue  the unused blocks: the next to be taken first
    hashes block: hash of its content and all before it, of full blocks that may be found again
    found  hash: block
    """

    n: int
    b: int
    users: list = field(default_factory=list)
    queue: OrderedDict = field(default_factory=OrderedDict)
    hashes: dict = field(default_factory=dict)
    found: dict = field(default_factory=dict)

    def __post_init__(self):
        self.users = [0] * self.n
        self.queue = OrderedDict.fromkeys(range(self.n))


# ---- blocks


def blocks_for(T, b):
    """Blocks of b slots that T tokens take (eq:blocks).

    >>> blocks_for(16, 16), blocks_for(17, 16), blocks_for(0, 16)
    (1, 2, 0)
    """
    return -(-T // b)


def allocate(pool):
    """Take the first unused block. What it still held can't be found any more.

    raises OutOfBlocksError
    """
    if not pool.queue:
        raise OutOfBlocksError(f"all {pool.n} blocks are in use")
    block, _ = pool.queue.popitem(last=False)
    evict(pool, block)
    pool.users[block] = 1
    return block


def evict(pool, block):
    """Forget what a block holds: its place in the index goes, its bytes stay until they are written over."""
    if block in pool.hashes:
        del pool.found[pool.hashes.pop(block)]


def append_token(pool, table, t):
    """Where token t of a text goes (eq:slot); the table grows by a block where the last is full.

    returns  its block, its slot, and the block to copy from first where others read it, too; else None
    raises   OutOfBlocksError
    """
    at, slot = divmod(t, pool.b)
    if at == len(table):
        table.append(allocate(pool))
    source = None
    if pool.users[table[at]] > 1:  # copy on write
        source, table[at] = table[at], allocate(pool)
        pool.users[source] -= 1
    return table[at], slot, source


def fork(pool, blocks):
    """Another table over the same blocks, none of them copied. Unused ones leave the queue, and so are safe."""
    for block in blocks:
        pool.users[block] += 1
        pool.queue.pop(block, None)
    return list(blocks)


def release(pool, table):
    """Give up a table: blocks that nobody uses any more join the queue, the text's last one first.

    Blocks that can't be found again go to the queue's head, as nothing is lost with them.
    raises ValueError where a block was not in use
    """
    for block in reversed(table):
        if pool.users[block] == 0:
            raise ValueError(f"block {block} is free already")
        pool.users[block] -= 1
        if pool.users[block] == 0:
            pool.queue[block] = None  # to the tail
            if block not in pool.hashes:
                pool.queue.move_to_end(block, last=False)
    table.clear()


# ---- beginnings that are shared


def block_hashes(tokens, b, chain=True, salt=""):
    """A hash for each full block of a text: of its tokens and of the hash before it (eq:hash).

    chain  False leaves the hash before it out, which is wrong: see the page
    salt   hashed with the first block, so that only texts with the same salt can share

    >>> [h[:6] for h in block_hashes("a b c d e".split(), 2)] == [h[:6] for h in block_hashes("a b c d f".split(), 2)]
    True
    """
    hashes, parent = [], salt
    for start in range(0, len(tokens) - b + 1, b):
        content = [parent if chain else "", *map(str, tokens[start : start + b])]
        parent = hashlib.sha256(repr(content).encode()).hexdigest()
        hashes.append(parent)
    return hashes


def longest_hit(pool, hashes, T):
    """The blocks that hold a prompt's beginning: up to the first unknown one, and never the whole prompt of T tokens,
    as the last token must be computed for its logits (eq:hit)."""
    blocks = []
    for h in hashes[: (T - 1) // pool.b]:
        if h not in pool.found:
            break
        blocks.append(pool.found[h])
    return blocks


def remember(pool, table, hashes):
    """Let the full blocks of a table be found by their hashes. A second block with the same content is not (vLLM
    keeps both)."""
    for block, h in zip(table, hashes, strict=False):
        if h not in pool.found and block not in pool.hashes:
            pool.hashes[block], pool.found[h] = h, block


def admit(pool, hashes, T):
    """A table for a prompt of T tokens: blocks that hold its beginning already, and new ones for the rest.

    hashes   of its full blocks
    returns  the table, and how many tokens need not be computed
    raises   OutOfBlocksError, and takes nothing
    """
    table = fork(pool, longest_hit(pool, hashes, T))  # first: what follows could evict them
    hit = len(table) * pool.b
    try:
        while len(table) < blocks_for(T, pool.b):
            table.append(allocate(pool))
    except OutOfBlocksError:
        release(pool, table)
        raise
    remember(pool, table, hashes)  # before they are computed: texts of the same step can share them
    return table, hit


# ---- attention


def gather(pages, table, T):
    """The first T rows of a text, in order, copied together from its blocks.

    pages    (n, b, H_kv, D)
    returns  (T, H_kv, D)
    """
    rows = pages[np.asarray(table, int)]  # (blocks, b, H_kv, D)
    return rows.reshape(-1, *pages.shape[2:])[:T]


def paged_attention(q, K, V, table, T):
    """Attention of one query to the T tokens of a table, block by block, without copying them together (eq:walk).

    q (H, D)   K, V (n, b, H_kv, D)   returns (H, D)
    """
    (H, D), (_, b, H_kv, _) = q.shape, K.shape
    q = q.reshape(H_kv, H // H_kv, D)  # (H_kv, G, D): G query heads share a key/value head
    top = np.full(q.shape[:2], -np.inf, q.dtype)  # (H_kv, G) the largest score so far
    total, y = np.zeros_like(top), np.zeros_like(q)
    for i, block in enumerate(table[: blocks_for(T, b)]):
        filled = slice(0, T - i * b)  # of the last block, what lies behind T is somebody else's
        k, v = K[block, filled], V[block, filled]  # (m, H_kv, D) each
        s = np.einsum("hgd,mhd->hgm", q, k) * D**-0.5  # (H_kv, G, m)
        new = np.maximum(top, s.max(-1))  # (H_kv, G)
        w, shrink = np.exp(s - new[..., None]), np.exp(top - new)
        total = total * shrink + w.sum(-1)
        y = y * shrink[..., None] + np.einsum("hgm,mhd->hgd", w, v)
        top = new
    return (y / total[..., None]).reshape(H, D)
