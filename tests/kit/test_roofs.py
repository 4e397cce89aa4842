"""The roofline that all pages draw."""

import numpy as np
import pytest

from topics.kit import GPUS
from topics.kit.page.roofs import roofline


@pytest.mark.parametrize("gpu", ["A100", "H100", "H200"])
def test_points_stand_on_the_roof_and_the_text_tells_them(gpu):
    ridge = GPUS[gpu].flops / GPUS[gpu].bandwidth
    figure = roofline(
        gpu, [("slow", ridge / 10, "key", "diamond", False), ("fast", 10 * ridge, "query", "square", True)]
    )
    slow, fast = (trace for trace in figure["data"] if trace["name"] in ("slow", "fast"))
    assert slow["y"][0] == pytest.approx(GPUS[gpu].flops / 10 / 1e12)
    assert fast["y"][0] == pytest.approx(GPUS[gpu].flops / 1e12)
    assert f"ridge at {ridge:.0f}" in figure["alt"]
    assert "slow: " in figure["alt"] and "fast: " in figure["alt"]


def test_on_logarithmic_axes_the_texts_stand_at_their_points():
    figure = roofline("H100", [("work", 100.0, "key", "diamond", True)])
    text = next(each for each in figure["layout"]["annotations"] if each["text"] == "work")
    assert text["x"] == pytest.approx(2) and text["y"] == pytest.approx(np.log10(335))
    assert text["xanchor"] == "right", "above the slope there is room on the left"


def test_texts_under_the_roof_stand_below_each_other_where_they_would_meet():
    works = [("first", 242.0, "key", "diamond", False), ("near", 436.0, "query", "circle", False),
             ("left of both", 4.0, "weight", "square", False), ("right of both", 9e5, "weight", "square", False),
             ("above", 300.0, "weight", "square", True)]  # fmt: skip
    texts = {each["text"]: each for each in roofline("H100", works)["layout"]["annotations"]}
    assert [texts[name]["yshift"] for name, *_ in works] == [-9, -9 - 16, -9, -9, 9]
