"""Puts the results into training/README.md and draws its plots:  python -m training.report

The text is written by hand; what stands between <!-- name --> and <!-- /name --> is written here, from
training/results/*.json. Needs no PyTorch.
"""

import json
import re
from collections import defaultdict
from statistics import mean, stdev

from builder.figure.svg import figure_svg
from topics.kit.model.language import BLUNT, KINDS, POLITE, text, write
from topics.kit.page.traces import INKS, line
from topics.kit.page.views import Figure
from training.family import HERE, PLANS, RESULTS

RECORDED = HERE.parent / "topics/kit/model/recorded.py"
PLOTS, README = HERE / "plots", HERE / "README.md"
COLORS = {"query": "#1f5fbf", "key": "#a34a00", "value": "#1b7a3e", "output": "#7a2fa0", "weight": "#56606f",
          "gradient": "#0b6f82", "cost": "#8a6100", "error": "#bf1f2e", "reference": "#666666"}  # fmt: skip
PAPER = {"--surface": "#fdfcf9", "--text": "#1d1e22", "--text-muted": "#5a5d64", "--rule": "#dcd9d0"}


def results():
    """{run: its result} of the runs that are done, in the order of the plans."""
    return {name: json.loads(path.read_text()) for name in PLANS if (path := RESULTS / f"{name}.json").is_file()}


def effects():
    """{run: the sizes of its effects}. raises FileNotFoundError before any was measured"""
    path = RESULTS / "effects.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: run python -m training.effects target heads8-1 heads8-2 heads8-3")
    return json.loads(path.read_text())


# ---- numbers


def overall(result):
    """(loss, floor) in nats a word, the kinds weighted as in the language."""
    kinds = result["kinds"]
    words = {kind: KINDS[kind] * kinds[kind]["words"] for kind in KINDS}  # as many texts of each were measured
    return tuple(sum(words[k] * kinds[k][what] for k in KINDS) / sum(words.values()) for what in ("loss", "floor"))


def above(result):
    """How far the loss is above the floor, in percent of the floor."""
    loss, floor = overall(result)
    return 100 * (loss / floor - 1)


def share(result, skill, at_least=0):
    """Accuracy of a skill at this distance and further, with its count."""
    cells = [cell for distance, cell in result["skills"][skill].items() if int(distance) >= at_least]
    right, of = map(sum, zip(*cells, strict=True))
    return right / of, of


# ---- blocks


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in lines)


def examples():
    lines = [" ".join(write(3, text(r, k)).words) for k in KINDS for r in (POLITE, BLUNT)]
    return "```\n" + "\n".join(lines) + "\n```"


def kinds(found):
    target = found["target"]["kinds"]
    rows = [
        [kind, f"{100 * KINDS[kind]:.0f} %", *_loss_cells(cell["loss"], cell["floor"])] for kind, cell in target.items()
    ]
    rows.append(["**all**", "100 %", *_loss_cells(*overall(found["target"]))])
    return table(["kind", "of texts", "floor (nats a word)", "target's loss", "above", "in % of the floor"], rows)


def _loss_cells(loss, floor):
    return f"{floor:.4f}", f"{loss:.4f}", f"{loss - floor:.4f}", f"{100 * (loss / floor - 1):.1f} %"


SKILLS = {
    "who has a thing": ("who", 0),
    "who has a thing, five sentences or more later": ("who", 5),
    "where someone is": ("where", 0),
    "a fact about an animal": ("fact", 0),
    "a song's repeated words (induction)": ("copy", 0),
    "the columns of a working, given those before": ("working", 0),
}


def skills(found):
    rows = []
    for name, (skill, distance) in SKILLS.items():
        right, of = share(found["target"], skill, distance)
        others = [f"{100 * share(found[run], skill, distance)[0]:.1f} %" for run in ("draft",) if run in found]
        rows.append([name, f"{100 * right:.1f} %", of, *others])
    return table(["skill", "target", "answers", "draft"][: len(rows[0])], rows)


def sums(found):
    runs = [name for name in ("target", "draft") if name in found]
    rows = []
    for digits in "123":
        cells = [found[run]["sums"][kind][digits] for run in runs for kind in ("answer", "explain")]
        rows.append([digits, *(f"{100 * right / of:.1f} %" for right, of in cells), cells[0][1]])
    head = ["digits", *(f"{run}, {how}" for run in runs for how in ("at once", "working first")), "problems"]
    return table(head, rows)


def family(found):
    rows = []
    for name, result in found.items():
        if name.startswith("scale"):
            continue
        loss, floor = overall(result)
        rows.append([name, f"{result['parameters']:,}", f"{result['plan']['words'] / 1e6:g} M", result["plan"]["seed"],
                     f"{loss:.4f}", f"{100 * (loss / floor - 1):.1f} %", f"{result['seconds'] / 60:.0f}"])  # fmt: skip
    return table(["run", "parameters", "words", "seed", "loss", "above the floor", "minutes"], rows)


def heads(found):
    by_heads = defaultdict(list)
    for name, result in found.items():
        if name.startswith("heads"):
            by_heads[result["plan"]["size"]["H_kv"]].append(result)
    rows = []
    for h, several in sorted(by_heads.items(), reverse=True):
        losses = [overall(result)[0] for result in several]
        spread = f"{stdev(losses):.4f}" if len(losses) > 1 else "–"
        size = several[0]["plan"]["size"]
        cache = 2 * 2 * size["L"] * h * size["D"]
        facts = ", ".join(_percent(share(result, "fact")[0]) for result in several)
        rows.append([h, cache, f"{several[0]['parameters']:,}", len(losses), f"{mean(losses):.4f}", spread,
                     f"{mean(above(result) for result in several):.1f} %", facts])  # fmt: skip
    head = ["key/value heads", "cache, bytes a word at 16 bits", "parameters", "seeds", "mean loss",
            "standard deviation", "above the floor", "facts right, seed by seed"]  # fmt: skip
    return table(head, rows)


def scaling(found):
    runs = [result for name, result in found.items() if name.startswith("scale")]
    cells = defaultdict(list)
    for result in runs:
        cells[result["parameters"], result["plan"]["words"]].append(overall(result)[0])
    sizes, words = sorted({n for n, _ in cells}), sorted({d for _, d in cells})
    rows = [[f"{n:,}", *(_several(cells.get((n, d), [])) for d in words)] for n in sizes]
    return table(["parameters", *(f"{d / 1e6:g} M words" for d in words)], rows)


def _several(losses):
    if not losses:
        return ""
    return f"{mean(losses):.4f}" + (f" ± {stdev(losses):.4f}" if len(losses) > 1 else "")


def measured(found):
    """The effects, a column for each seed."""
    runs = effects()
    lengths = ", ".join(next(iter(runs.values()))["induction"]["by length"])
    lines = {
        "best induction head: its score": lambda e: f"{max(map(max, e['induction']['scores'])):.2f}",
        f"lines of {lengths} words, copied": lambda e: _list(e["induction"]["by length"].values()),
        "copying lines of 16 words: all heads": lambda e: _percent(e["induction"]["copying"]),
        "… without the best induction head": lambda e: _percent(e["induction"]["without best 1"]),
        "… without the best two": lambda e: _percent(e["induction"]["without best 2"]),
        "… without the best four": lambda e: _percent(e["induction"]["without best 4"]),
        "… without all others of their layers and above": lambda e: _percent(e["induction"]["without the rest"]),
        "… without four others of any layer, five draws": lambda e: _percent(e["induction"]["without 4 others"]),
        "songs without the best four": lambda e: _percent(e["induction"]["songs without best 4"]),
        "attention on the first word: the most of a head": lambda e: _percent(e["sinks"]["most"]),
        "… mean of all heads": lambda e: _percent(mean(map(mean, e["sinks"]["mass"]))),
        "loss above the floor": lambda e: f"{e['sinks']['excess']:.4f}",
        "… with the first word hidden": lambda e: f"{e['sinks']['first word hidden']:.4f}",
        "… with another of words 4 to 8 hidden, mean": lambda e: f"{e['sinks']['words 4 to 8 hidden, mean']:.4f}",
        "words 1–128, 129–256, 257–384 of a long song: copied": lambda e: _thirds(e, "none", 0),
        "… their loss": lambda e: _thirds(e, "none", 1),
        "… with positions divided by 3 (linear)": lambda e: _thirds(e, "linear", 1),
        "… with NTK-aware frequencies, s = 3": lambda e: _thirds(e, "NTK", 1),
        **{f"weights rounded to {n} bits, groups of 32: above the floor": (lambda e, n=n: f"{e['bits'][n]:.4f}")
           for n in "865432"},
        **{f"{round(100 * float(s))} % of the weights pruned": (lambda e, s=s: f"{e['pruning'][s]:.4f}")
           for s in ("0.2", "0.4", "0.6", "0.8")},
        "draft accepted, mean Σ min(p, q): " + ", ".join(sorted(KINDS)): lambda e: _list(
            e.get("acceptance", {}).values()),
    }  # fmt: skip
    rows = [[name, *(cell(e) for e in runs.values())] for name, cell in lines.items()]
    for name, kind in (("sums of three digits right, at once", "answer"), ("… working first", "explain")):
        counts = [found[run]["sums"][kind]["3"] for run in runs]
        rows.append([name, *(_percent(right / of) for right, of in counts)])
    return table(["effect", *runs], rows)


def _thirds(e, way, which):
    return _list(third[which] for third in e["long context"][way])


def _percent(x):
    return f"{100 * x:.1f} %"


def _list(values):
    return ", ".join(f"{x:.3f}" for x in values)


# ---- for the pages


def recorded(found):
    """The text of topics/kit/model/recorded.py: losses above the floor that pages show beside live ones."""

    def above_floor(name):
        loss, floor = overall(found[name])
        return round(loss - floor, 4)

    heads = {h: [above_floor(f"heads{h}-{s}") for s in (1, 2, 3) if f"heads{h}-{s}" in found] for h in (8, 4, 2, 1)}
    pooled = {
        h: {"before": found[f"pooled{h}"]["curve"][0][3], "after": above_floor(f"pooled{h}")}
        for h in (4, 2, 1)
        if f"pooled{h}" in found
    }
    return f'''"""What training found, for pages to show beside what they compute: nats a word above the known floor.

Written by `python -m training.report` from training/results; not by hand.
"""

# key/value heads to the losses of models trained from scratch, one for each seed (runs heads8-1 … heads1-3)
HEADS = {dictionary(heads)}

# key/value heads to the loss of the target with its heads pooled, before and after 5 % of the words (pooled4 … pooled1)
POOLED = {dictionary(pooled) if pooled else None}
'''


def dictionary(entries):
    """A dict as source, an entry a line, as the formatter would have it."""
    lines = (f"    {key}: {json.dumps(value)},\n" for key, value in entries.items())
    return f"{{\n{''.join(lines)}}}"


# ---- plots


def curves(found):
    """Loss above the floor while training."""
    shown = {"target": "key", "draft": "query", "mixture": "output"} | {f"heads{h}-1": "value" for h in (8, 1)}
    data = []
    for name, ink in shown.items():
        if name in found:
            points = [(words / 1e6, excess) for words, _, _, excess in found[name]["curve"] if words > 3e5]
            x, y = map(list, zip(*points, strict=True))
            data.append(line(x, y, name, ink))
    return Figure(data, "Words seen (million)", "Held-out loss above the floor (nats a word)",
                  alt="Held-out loss above the floor while training.", height=360,
                  yaxis={"type": "log"}, showlegend=True)  # fmt: skip


def scaling_plot(found):
    """Loss above the floor against words, a line for each size."""
    sizes = defaultdict(lambda: defaultdict(list))
    for name, result in found.items():
        if name.startswith("scale"):
            loss, floor = overall(result)
            sizes[result["parameters"]][result["plan"]["words"] / 1e6].append(loss - floor)
    data = []
    for ink, (n, by_words) in zip(INKS, sorted(sizes.items()), strict=False):
        x = sorted(by_words)
        data.append(line(x, [mean(by_words[d]) for d in x], f"{n:,}", ink, mode="lines+markers"))
    return Figure(data, "Words seen (million)", "Loss above the floor (nats a word)",
                  alt="Loss above the floor against words seen, a line for each number of parameters.", height=360,
                  xaxis={"type": "log"}, yaxis={"type": "log"}, showlegend=True)  # fmt: skip


def standalone(svg):
    """A drawing of the site with its theme's colours put in, for a page that has no theme."""
    for name, color in [*PAPER.items(), *((f"--ink-{ink}", color) for ink, color in COLORS.items())]:
        svg = svg.replace(f"var({name})", color)
    ground = '<rect width="100%" height="100%" fill="#fdfcf9"/>'
    head, body = svg.split(">", 1)
    return f'{head} xmlns="http://www.w3.org/2000/svg" font-family="sans-serif">{ground}{body}\n'


# ---- all of it


def filled(readme, found):
    """The README's text with every block written anew. raises KeyError at a block that is not known."""
    makers = {"examples": lambda _: examples(), "kinds": kinds, "skills": skills, "sums": sums, "family": family,
              "heads": heads, "scaling": scaling, "effects": measured}  # fmt: skip

    def block(match):
        return f"<!-- {match[1]} -->\n{makers[match[1]](found)}\n<!-- /{match[1]} -->"

    return re.sub(r"<!-- (\w+) -->\n.*?<!-- /\1 -->", block, readme, flags=re.S)


def plots(found):
    """{file: SVG} of the plots that there are runs for."""
    drawn = {"curves.svg": curves(found)}
    if any(name.startswith("scale") for name in found):
        drawn["scaling.svg"] = scaling_plot(found)
    return {name: standalone(figure_svg(figure)) for name, figure in drawn.items()}


if __name__ == "__main__":
    done = results()
    README.write_text(filled(README.read_text(), done))
    RECORDED.write_text(recorded(done))
    PLOTS.mkdir(exist_ok=True)
    for name, svg in plots(done).items():
        (PLOTS / name).write_text(svg)
    print(f"{len(done)} of {len(PLANS)} runs are in {README.name}")
