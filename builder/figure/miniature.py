"""The small picture by which the index tells topics apart: a figure's marks, or a matrix as cells, without texts."""

import re

from builder.figure.svg import arrange, axis_lines, clipped, make_scene, marks, wrap

WIDTH, HEIGHT, MARGIN = 128, 80, 3  # px, as large as it is shown: strokes and points keep their size


def miniature(views):
    """SVG of what a demo shows, "" where nothing can be drawn. A matrix goes before a figure: it is the rarer sight."""
    seen = [*flat(views)]
    drawable = [view for view in seen if view["view"] == "matrix"] + [view for view in seen if view["view"] == "figure"]
    return drawn(drawable[0]) if drawable else ""


def flat(views):
    """Steps stand for what their last frame shows."""
    for view in views:
        if view["view"] == "steps":
            yield from flat(view["frames"][-1]["views"])
        else:
            yield view


def drawn(view):
    scene = make_scene(cells(view) if view["view"] == "matrix" else view, WIDTH, HEIGHT)
    scene.margin = dict.fromkeys("lrtb", MARGIN)
    arrange(scene, texts=False)
    drawing = re.sub(r"<text.*?</text>", "", clipped(scene, marks(scene)))
    return wrap(scene, [drawing, axis_lines(scene)], None)


def cells(matrix):
    """A matrix as a figure of square cells, the first row on top; a tint shows where it has values, however small."""
    rows = matrix["values"][::-1]
    top = max((abs(value) for row in rows for value in row if value is not None), default=1)
    held = [[float(value is not None) for value in row] for row in rows]
    values = [[value or 0.0 for value in row] for row in rows]
    look = {"type": "heatmap", "meta": {"ink": matrix["ink"]}}
    tint, shades = {"z": held, "zmin": 0, "zmax": 1, "opacity": 0.2}, {"z": values, "zmin": -top, "zmax": top}
    return {"data": [look | tint, look | shades], "layout": {"yaxis": {"scaleanchor": "x"}}}
