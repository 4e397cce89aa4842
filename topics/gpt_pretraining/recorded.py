SCHEDULED = {
    p: {n: (1.0, 1.0, 1.0) for n in ("constant", "warm-up, stable, decay", "cosine", "constant, averaged")}
    for p in (0.01, 0.03)
}
FAST = {(e, w, q): ((2.0, 10.0),) * 3 for e in (0.01, 0.03, 0.1, 0.3) for w in (0, 30) for q in (False, True)}
TASKS = {n: ([(2.0, 2.0)] * 10,) * 3 for n in ("the next character", "the one after that", "the character itself")}
