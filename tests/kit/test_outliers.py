"""An outlier that is made: one channel is larger, and the function stays what it was."""

import numpy as np
import pytest

from topics.kit.model import lm
from topics.kit.model.outliers import NORMED, with_outlier
from topics.kit.model.text import held_out, padded


@pytest.mark.parametrize("channel", [0, 5])
def test_one_channel_grows_f_times_in_every_layer_and_the_law_stays(channel):
    model, text, f = lm.load("target"), padded(held_out(1))[0], 64.0
    plain, larger = {}, {}
    laws = [
        lm.forward(each, text, see=lambda name, layer, x, seen=seen: seen.update({(layer, name): x}))
        for each, seen in ((model, plain), (with_outlier(model, f, channel), larger))
    ]
    grown = np.where(np.arange(model.d) == channel, f, 1.0)
    for step in ((i, name) for i in range(model.L) for name in NORMED):
        np.testing.assert_allclose(larger[step], plain[step] * grown, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(*laws, atol=1e-3)
