"""The picture of reward against KL."""

import numpy as np
import pytest

from topics.kit.page.drift import reward_against_kl


def test_a_path_stands_over_the_root_of_its_kl_and_ticks_tell_nats():
    figure = reward_against_kl([("gold", np.array([-0.1, 1, 4]), [0, 1, 2], "output", "solid")], "what it shows",
                               marks=[("best", 9.0, 3.0, "key", "diamond")])  # fmt: skip
    path, mark = figure["data"]
    assert path["x"].tolist() == [0, 1, 2] and mark["x"] == [3]
    axis = figure["layout"]["xaxis"]
    assert axis["range"][1] > 3 > axis["range"][0]
    for place, text in zip(axis["tickvals"], axis["ticktext"], strict=True):
        assert place**2 == pytest.approx(float(text))
    assert axis["title"]["text"].startswith("√KL")


@pytest.mark.parametrize("end", [1e-4, 0.03, 0.5, 3, 40, 900, 6000])
def test_an_axis_has_ticks_that_do_not_meet(end):
    axis = reward_against_kl([("gold", np.array([0, end]), [0, 1], "output", "solid")], "it")["layout"]["xaxis"]
    places = np.array(axis["tickvals"])
    assert 2 <= len(places) <= 9
    assert (np.diff(places) > (axis["range"][1] - axis["range"][0]) / 11).all()
