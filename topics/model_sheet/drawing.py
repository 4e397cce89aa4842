"""Draws a model's block, from its sheet: what a token passes, from below."""

from topics.kit import Figure, label, line, points
from topics.kit.page.words import counted
from topics.kit.real.sheets.architectures import AFTER

KINDS = {
    "full": "full attention",
    "window": "window of {window:,}",
    "chunk": "chunks of {window:,}",
    "both ways": "attention both ways",
    "cross": "cross attention",
    "latent": "latent attention",
    "picked": "latent, {picks:,} picked",
    "delta": "gated DeltaNet",
    "ssm": "state space",
}
WIDE = 0.13, 0.99  # from where to where boxes reach
HEIGHT = 440  # pixels, of all that one sheet shows: a figure keeps its place


def mixer_words(mixer):
    """What a mixer is, and its sizes, in two lines."""
    a = mixer.layers
    what = KINDS[mixer.kind].format(window=a.window or 0, picks=mixer.picks)
    if mixer.kind in ("delta", "ssm"):
        sizes = f"{mixer.changed:,} numbers of a state"
    elif a.latent:
        sizes = f"{counted(a.H, 'head')}, {a.latent:,} numbers kept"
    else:
        sizes = f"{counted(a.H, 'head')}, {a.H_kv:,} key/value, {a.D} wide"
    return f"{counted(a.n, 'layer')} · {what}", sizes


def feed_words(sheet):
    """What stands in the place of the feed-forward part: a list of two lines each."""
    found = []
    if sheet.dense:
        how = "with a gate" if sheet.feeds == 3 else "without a gate"
        found.append((f"{counted(sheet.dense, 'layer')} · feed-forward", f"{sheet.F:,} wide, {how}"))
    if sheet.experts:
        e = sheet.experts
        shared = f", {e.shared} for all" if e.shared else ""
        found.append((f"{counted(e.layers, 'layer')} · {e.k} of {e.E} experts", f"{e.F:,} wide{shared}"))
    return found


def _stack(sheet, mixers, feeds):
    """Rows of one stack of layers, from below: (lines, ink, whether it adds to the stream)."""
    norms = sheet.facts.get("norms", "")
    name = norms.split()[0] if norms else "norm"
    before, after = "before" in norms or not norms, "after each" in norms or "and after" in norms
    inside = after and not norms.startswith(AFTER)  # BERT's alone norms the stream itself
    rows = []
    for part in (mixers, feeds):
        if before and part:
            rows.append(((name,), "reference", False))
        for i, (lines, ink) in enumerate(part):
            rows.append((lines, ink, i == len(part) - 1 and not inside))
        if after and part:
            rows.append(((name,), "reference", inside))
    return rows


def _rows(sheet):
    """All rows from below, with the place and title of each stack: rows, [(first, last, title)]."""
    inks = {"delta": "key", "ssm": "key"}
    drawn = [(m, (mixer_words(m), inks.get(m.kind, "query"))) for m in sheet.mixers]
    feeds = [(lines, "gradient" if "experts" in lines[0] else "value") for lines in feed_words(sheet)]
    words = f"{sheet.V:,} words" if sheet.V else "words not in the file"
    rows, stacks = [(("embedding", f"{words}, {sheet.d:,} wide"), "output", False)], []
    if sheet.form == "encoder and decoder":
        half = sheet.mixers[0].layers.n, sheet.mixers[1].layers.n
        both = (("encoder", half[0], drawn[:1]), ("decoder", half[1], drawn[1:]))
    else:
        both = ((sheet.form, sheet.L, drawn),)
    for title, n, some in both:
        own = feeds if len(both) == 1 else [((f"{counted(n, 'layer')} · feed-forward", feeds[0][0][1]), "value")]
        added = _stack(sheet, [each for _, each in some], own)
        stacks.append((len(rows), len(rows) + len(added) - 1, f"{title}, {counted(n, 'layer')}"))
        rows += added
    if sheet.form != "encoder":
        again = "the embedding again" if sheet.tied else f"{sheet.d:,} to {sheet.V:,}" if sheet.V else "not in the file"
        rows += [
            ((sheet.facts.get("norms", "norm").split()[0],), "reference", False),
            (("output", again), "output", False),
        ]
    return rows, stacks


def block(sheet, name):
    """The drawing: a line of boxes along the residual stream, a frame around each stack of layers."""
    rows, stacks = _rows(sheet)
    shapes, notes, places, y = [], [], [], 0.0
    for lines, _ink, _ in rows:
        tall = 0.5 if len(lines) == 1 else 1.0
        places.append((y, y + tall))
        y += tall + 0.2
    for (bottom, top), (lines, ink, _) in zip(places, rows, strict=True):
        shapes.append(
            {
                "type": "rect",
                "x0": WIDE[0],
                "x1": WIDE[1],
                "y0": bottom,
                "y1": top,
                "ink": ink,
                "opacity": 0.2,
                "line": {"width": 1},
            }
        )
        notes.append(label((WIDE[0] + WIDE[1]) / 2, (bottom + top) / 2, "<br>".join(lines), bgcolor="rgba(0,0,0,0)"))
    for first, last, _ in stacks:
        shapes.append(
            {
                "type": "rect",
                "x0": 0,
                "x1": 1,
                "y0": places[first][0] - 0.1,
                "y1": places[last][1] + 0.1,
                "opacity": 0.05,
                "line": {"width": 1, "dash": "dot"},
                "layer": "below",
            }
        )
    adds = [(bottom + top) / 2 for (bottom, top), row in zip(places, rows, strict=True) if row[2]]
    told = "; ".join(" ".join(lines) for lines, ink, _ in rows if ink != "reference")
    return Figure(
        [
            line([0.06, 0.06], [0.3, y - 0.5], "the residual stream", "reference"),
            points([0.06] * len(adds), adds, "added to it", "reference", marker={"size": 11}),
        ],
        alt=f"The block of {name}, from below. {'; '.join(title for *_, title in stacks)}. {told}.",
        height=HEIGHT,
        xaxis={"visible": False, "range": [-0.01, 1.01], "fixedrange": True},
        yaxis={"visible": False, "range": [-0.25, y], "fixedrange": True},
        shapes=shapes,
        annotations=notes,
        showlegend=False,
        margin={"l": 4, "r": 4, "t": 8, "b": 8},
    )
