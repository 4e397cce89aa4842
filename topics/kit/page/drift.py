"""The picture that the pages on alignment share: reward against how far a policy has moved from its reference. Knows no
page and no model.

The axis is linear in √KL, on which what is won by a little tilt begins as a straight line, and is labelled in nats.
"""

import numpy as np

from topics.kit.page.traces import line, points
from topics.kit.page.views import Figure

TICKS = (0, 0.1, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)  # nats


def reward_against_kl(paths, alt, y_title="Reward", marks=(), start=0.0, **layout):
    """Rewards of policies over √KL from the reference.

    paths   [(name, KL (n,) in nats, reward (n,), ink, dash)], in the order in which they were walked; one that has a
            single point shows as its end. An estimate of KL below 0 stands at 0
    marks   [(name, KL, reward, ink, symbol)], single points
    start   the least KL that the axis must reach
    layout  as Figure takes it
    """
    end = max([start, 1e-3, *(float(np.max(kl)) for _, kl, *_ in paths), *(float(kl) for _, kl, *_ in marks)])
    traces = []
    for name, kl, reward, ink, dash in paths:
        x = np.sqrt(np.maximum(kl, 0.0))  # (n,)
        traces.append(line(x, reward, name, ink, dash, mode="lines+markers", marker={"size": 4}))
    for name, kl, reward, ink, symbol in marks:
        traces.append(points([max(kl, 0.0) ** 0.5], [reward], name, ink, symbol))
    ticks = _ticks(end)
    axis = {"range": [-0.03 * end**0.5, 1.05 * end**0.5], "tickvals": [t**0.5 for t in ticks],
            "ticktext": [f"{t:g}" if t < 10_000 else f"{t:,}" for t in ticks]}  # fmt: skip
    return Figure(
        traces,
        x_title="√KL from the reference (marked in nats of KL)",
        y_title=y_title,
        alt=alt,
        **{
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "showlegend": True,
            "xaxis": axis,
            **layout,
        },
    )


def _ticks(end):
    """Of TICKS those that an axis up to `end` has room for: each a ninth of the axis or more beyond the one before."""
    kept = [0]
    for t in TICKS[1:]:
        if t <= end * 1.05 and t**0.5 - kept[-1] ** 0.5 > end**0.5 / 9:
            kept.append(t)
    return kept if len(kept) > 1 else [0, float(f"{end:.1g}")]
