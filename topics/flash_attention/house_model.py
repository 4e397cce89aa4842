"""FlashAttention in the house model: its own attention computed by tiles, and without the rescaling."""

import numpy as np

from topics.flash_attention.method import flash_attention
from topics.kit import Badge, LogSlider, Metrics, Note, Text, Toggle, Tokens, demo, lm, max_abs_difference, softmax
from topics.kit.model.text import decode, read
from topics.kit.page.words import counted

SONG = "[blunt] song : Rome candles wolves Mia tea lamps green Ben ; Rome candles wolves Mia tea lamps green Ben"


@demo(
    "model",
    "target",
    B=LogSlider("Tile: queries and keys", 2, 64, value=8),
    text=Text("Text", SONG, suggest=True),
    forget=Toggle("Break it: forget to rescale"),
)
def in_a_model(B, text, forget):
    """Every head of the house model runs tile by tile; the logits are compared with the plain ones."""
    words = read(text, 2, 40)
    model, T = lm.load("target"), len(words)
    plain, tiled = lm.forward(model, words), by_tiles(model, words, B, forget)
    right = [softmax(logits)[np.arange(T - 1), words[1:]] for logits in (plain, tiled)]  # (T-1,) each
    said = [decode([logits[-1].argmax()])[0] for logits in (plain, tiled)]
    computed = sum(-(-min(T, i + B) // B) for i in range(0, T, B))
    side = min(B, T)
    what = "Tiles added up without rescaling" if forget else f"In tiles of {B}"
    if not forget:
        note = Note("Only the order of additions differs, so the last digits of float32 do.")
    elif B >= T:
        note = Note("One tile holds the whole text: there is nothing to rescale.")
    else:
        note = Note("Every softmax still has weights that sum to one. They are the wrong ones.", "warning")
    return (
        _right_words(words, right[0], "Plain attention", "output"),
        _right_words(words, right[1], what, "error" if forget else "output"),
        Metrics(
            ("Scores held at once, plain", model.H * T * T, "", f"{model.H} heads · {T}²"),
            ("Scores held at once, by tiles", model.H * side**2, "", f"{model.H} heads · {side}²"),
            ("Tiles computed", computed, f"of {(-(-T // B)) ** 2}", "the others are hidden as a whole"),
            ("Next word, plain", said[0], f"{100 * softmax(plain[-1]).max():.1f} %"),
            ("Next word, by tiles", said[1], f"{100 * softmax(tiled[-1]).max():.1f} %"),
        ),
        Badge("Logits compared: max|Δ|", max_abs_difference(plain, tiled), 1e-3),
        note,
    )


def _right_words(words, p, what, ink):
    """The text, each word shaded by the probability that it had."""
    tail = -(-len(p) // 3)
    last = f"The last {counted(tail, 'word')}: {100 * p[-tail:].mean():.0f} % in the mean."
    shades = [0.0, *p.tolist()]
    return Tokens(decode(words), shades, ink, f"{what}: each word shaded by the probability that it had. {last}")


def by_tiles(model, words, B, forget=False):
    """The house model's logits (T, V), its attention replaced by ours; forget: by the one that never rescales."""
    seen, turns = {}, lm.rotation(np.arange(len(words)), lm.rope_frequencies(model.D, model.base))

    def see(name, layer, value):
        if name in ("q", "k"):  # seen before they are turned by their positions
            seen[name] = np.swapaxes(lm.rotate(value, turns), 0, 1)  # (H, T, D)
        elif name == "v":
            seen[name] = np.swapaxes(value, 0, 1)
        elif name == "heads":
            q, k, v = (seen[each] for each in "qkv")
            y = never_rescaled(q, k, v, B) if forget else flash_attention(q, k, v, True, B, B)[0]
            return np.swapaxes(y, 0, 1)  # (T, H, D)
        return None

    return lm.forward(model, words, see=see)


def never_rescaled(q, k, v, B_c):
    """Causal attention (..., T, D_v) gone wrong: each tile's exponentials stay relative to the maximum of their day."""
    T, D = q.shape[-2:]
    s = np.where(np.tri(T, dtype=bool), q @ np.swapaxes(k, -1, -2) * D**-0.5, -np.inf)  # (..., T, T)
    m = np.maximum.accumulate(np.maximum.reduceat(s, np.arange(0, T, B_c), axis=-1), -1)  # (..., T, tiles)
    e = np.exp(s - np.repeat(m, B_c, -1)[..., :T])
    return e @ v / e.sum(-1, keepdims=True)
