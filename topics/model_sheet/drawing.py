"""Draws a model's block, from its sheet: what a token passes, from below."""

from topics.kit import Figure, label, line, points
from topics.kit.page.words import counted
from topics.kit.real.sheets.architectures import AFTER, AT_ONCE, ONE_THING

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
HEIGHT = 480  # pixels, of all that one sheet shows: a figure keeps its place


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


def _stack(sheet, parts):
    """Rows of one stack of layers, from below: (boxes side by side, whether they add to the stream).

    A part is a list of boxes, one of which stands in a layer; a box is (lines, ink).
    """
    norms = sheet.facts.get("norms", "")
    norm = ((norms.split()[0] if norms else "norm",), "reference")
    if AT_ONCE in norms:
        return [([norm for _ in parts], False), ([(_narrow(lines), ink) for ((lines, ink),) in parts], True)]
    before, after = "before" in norms or not norms, "after each" in norms or "and after" in norms
    inside = after and not norms.startswith(AFTER)  # BERT's alone norms the stream itself
    rows = []
    for part in filter(None, parts):
        rows += [([norm], False)] * before
        for i, (lines, ink) in enumerate(part):
            rows.append(
                ([(lines if i == 0 else ("or " + lines[0], *lines[1:]), ink)], i == len(part) - 1 and not inside)
            )
        rows += [([norm], inside)] * after
    return rows


def _narrow(lines):
    """The lines of a box that has another beside it."""
    first, second = lines
    return *first.split(" · "), *second.split(", ")


def _rows(sheet):
    """All rows from below, with the place and title of each stack: rows, [(first, last, title)]."""
    drawn = [(mixer_words(m), "key" if m.kind in ("delta", "ssm") else "query") for m in sheet.mixers]
    feeds = [(lines, "gradient" if "experts" in lines[0] else "value") for lines in feed_words(sheet)]
    words = f"{sheet.V:,} words" if sheet.V else "words not in the file"
    rows, stacks = [([(("embedding", f"{words}, {sheet.d:,} wide"), "output")], False)], []
    if sheet.form == "encoder and decoder":
        above, asked = sheet.mixers[0].layers.n, sheet.mixers[1].layers.n
        read, written = ([((f"{counted(n, 'layer')} · feed-forward", feeds[0][0][1]), "value")] for n in (above, asked))
        both = (("encoder", above, [drawn[:1], read]), ("decoder", asked, [drawn[1:2], drawn[2:], written]))
    elif sheet.facts.get("norms", "").startswith(ONE_THING):
        both = (("decoder", sheet.L, [drawn + feeds]),)
    else:
        both = ((sheet.form, sheet.L, [drawn, feeds]),)
    for title, n, parts in both:
        added = _stack(sheet, parts)
        stacks.append((len(rows), len(rows) + len(added) - 1, f"{title}, {counted(n, 'layer')}"))
        rows += added
    if sheet.form != "encoder":
        again = "the embedding again" if sheet.tied else f"{sheet.d:,} to {sheet.V:,}" if sheet.V else "not in the file"
        norm = sheet.facts.get("norms", "norm").split()[0]
        rows += [([((norm,), "reference")], False), ([(("output", again), "output")], False)]
    return rows, stacks


def _columns(n):
    """Where n boxes side by side reach from and to."""
    wide, gap = WIDE[1] - WIDE[0], 0.02
    each = (wide - (n - 1) * gap) / n
    return [(WIDE[0] + i * (each + gap), WIDE[0] + i * (each + gap) + each) for i in range(n)]


def block(sheet, name):
    """The drawing: a line of boxes along the residual stream, a frame around each stack of layers."""
    rows, stacks = _rows(sheet)
    shapes, notes, places, y = [], [], [], 0.0
    for boxes, _ in rows:
        tall = 0.5 * max(len(lines) for lines, _ in boxes)
        places.append((y, y + tall))
        y += tall + 0.2
    for (bottom, top), (boxes, _) in zip(places, rows, strict=True):
        for (left, right), (lines, ink) in zip(_columns(len(boxes)), boxes, strict=True):
            box = {"type": "rect", "x0": left, "x1": right, "y0": bottom, "y1": top, "ink": ink, "opacity": 0.2}
            shapes.append(box | {"line": {"width": 1}})
            middle = (left + right) / 2, (bottom + top) / 2
            notes.append(label(*middle, "<br>".join(lines), bgcolor="rgba(0,0,0,0)"))
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
    adds = [(bottom + top) / 2 for (bottom, top), (_, adds) in zip(places, rows, strict=True) if adds]
    told = "; ".join(
        ", and at once ".join(" ".join(lines) for lines, _ in boxes) for boxes, _ in rows if boxes[0][1] != "reference"
    )
    starts = [0.3] + [places[first][0] - 0.1 for first, *_ in stacks[1:]]  # the encoder's stream ends with it
    streams = zip(starts, [places[last][1] + 0.1 for _, last, _ in stacks[:-1]] + [y - 0.5], strict=True)
    return Figure(
        [
            *(line([0.06, 0.06], ends, "the residual stream", "reference") for ends in streams),
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
