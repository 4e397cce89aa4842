"""The roofline of a GPU (Williams et al. 2009), as all pages draw it. Knows no page."""

import numpy as np

from topics.kit.page.traces import label, line, points
from topics.kit.page.views import Figure
from topics.kit.page.words import short
from topics.kit.real.hardware import GPUS

END = 1e6  # FLOP per byte at the right edge
TEXT = np.array([2, 0.3])  # powers of ten that a text takes on a phone: in width and height


def roofline(gpu, works):
    """A GPU's roof, with a labelled point for each work.

    works   [(text, FLOP per byte, ink, symbol, whether its text stands above the roof)]
    """
    chip = GPUS[gpu]
    ridge = chip.flops / chip.bandwidth
    x = np.array([0.5, ridge, END])
    roof = np.minimum(x * chip.bandwidth, chip.flops) / 1e12
    marks, texts, told, under = [], [], [], []
    for text, intensity, ink, symbol, above in works:
        reached = min(intensity * chip.bandwidth, chip.flops) / 1e12  # TFLOP/s
        marks.append(points([intensity], [reached], text, ink, symbol))
        if above and intensity < ridge:  # the slope leaves room on its left
            side = "right"
        else:  # inside the plot, and clear of the slope
            side = "left" if intensity < 3e3 else "center" if intensity < 1e5 else "right"
        place, shift = np.log10([intensity, reached]), 9 if above else -9
        if not above:  # where two texts would meet, the second stands a line lower
            shift -= 16 * sum(bool((abs(place - other) < TEXT).all()) for other in under)
            under.append(place)
        texts.append(label(*place, text, xanchor=side,
                           yanchor="bottom" if above else "top", yshift=shift))  # fmt: skip
        told.append(f"{text}: {short(intensity)} FLOP/byte, at most {short(reached)} TFLOP/s")
    crowded = any(above and intensity > 0.9 * ridge for _, intensity, _, _, above in works)  # the text tells the ridge
    over = {"yanchor": "bottom", "xanchor": "left", "yshift": 3}
    ridge_text = label(np.log10(ridge), np.log10(roof[1]), f"ridge {short(ridge)}", **over)
    return Figure(
        [line(x, roof, f"{gpu} roof", "reference"), *marks],
        x_title="Arithmetic intensity (FLOP/byte)",
        y_title="Attainable rate (TFLOP/s)",
        alt=f"Roofline of {gpu}, ridge at {short(ridge)} FLOP/byte; " + "; ".join(told) + ".",
        xaxis={"type": "log"},
        yaxis={"type": "log", "range": [np.log10(roof[0]) - 0.1, np.log10(roof[1]) + 0.45]},
        showlegend=False,
        annotations=texts if crowded else [*texts, ridge_text],
    )
