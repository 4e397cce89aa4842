"""An outlier in the house model, which is too small to have any of its own: made without changing its function."""

import numpy as np

# what each of a layer's norms is called, where its output goes (a step of lm.forward), and which matrices read it
NORMED = {"attention_input": ("attention_norm", "qkv"), "feed_input": ("feed_norm", ("gate", "up"))}


def with_outlier(model, f, channel=5):
    """The same function with one channel of every norm's output f times as large, and the weights that read it f times
    smaller."""
    larger, changed = np.where(np.arange(model.d) == channel, f, 1.0), {}  # (d,)
    for i in range(model.L):
        for norm, parts in NORMED.values():
            w = model.weights[f"{i}.{norm}"]
            changed[f"{i}.{norm}"] = w * larger.astype(w.dtype)
            changed |= {f"{i}.{part}": model.weights[f"{i}.{part}"] / larger.astype(w.dtype) for part in parts}
    return model.with_weights(changed)
