"""The house model in numpy: equal to PyTorch, equal to itself with a cache, and sampled as it says."""

from pathlib import Path

import numpy as np
import pytest

from topics.kit.model import data, lm
from topics.kit.model.autograd import Tensor, cross_entropy, gradients
from topics.kit.model.text import decode, encode, held_out, padded
from topics.kit.model.training import next_token_loss, train

REFERENCE = Path(__file__).parents[1] / "reference"
RUNS = Path(__file__).parents[2] / "training/runs"
SHIPPED = sorted(path.stem for path in data.DATA.glob("*.safetensors") if "shape" in data.tensors(path)[1])
TRAINED = ["target", "draft", "courteous", "quick", "heads2-1", "mixture"]  # groups of heads and experts, too
RNG = np.random.default_rng(3)


def small(H=4, H_kv=2, E=0, d=16, L=2, F=12, V=11, dtype=np.float64):
    """A random model: no file is needed."""
    D = d // H
    shapes = {"embedding": (V, d), "norm": (d,)}
    for i in range(L):
        shapes |= {f"{i}.attention_norm": (d,), f"{i}.feed_norm": (d,), f"{i}.q": (d, d), f"{i}.o": (d, d)}
        shapes |= {f"{i}.k": (H_kv * D, d), f"{i}.v": (H_kv * D, d)}
        each = (E,) if E else ()
        shapes |= {f"{i}.gate": (*each, F, d), f"{i}.up": (*each, F, d), f"{i}.down": (*each, d, F)}
        shapes |= {f"{i}.router": (E, d)} if E else {}
    weights = {name: RNG.normal(0, 0.4, shape).astype(dtype) for name, shape in shapes.items()}
    return lm.Model(V, d, L, H, H_kv, D, F, 10_000.0, weights, active=2 if E else 0)


MODELS = {"heads": small(H_kv=4), "groups": small(), "one head": small(H_kv=1), "mixture": small(E=4)}
WORDS = RNG.integers(0, 11, 9)


def test_the_shipped_models_have_a_reference_and_are_those_that_were_trained():
    assert "target" in SHIPPED
    for name in SHIPPED:
        assert name in TRAINED
        assert data.data_file(name).read_bytes() == (RUNS / f"{name}.safetensors").read_bytes()


@pytest.mark.parametrize("name", TRAINED)
def test_numpy_gives_the_logits_that_pytorch_gives(name):
    stored = np.load(REFERENCE / f"{name}.npz")
    logits = lm.forward(lm.read(RUNS / f"{name}.safetensors"), stored["words"])
    assert logits.dtype == np.float32
    assert np.abs(logits - stored["logits"]).max() < 1e-4


def by_hand(model, words):
    """The same network, slowly: one position, one head, one pair at a time."""
    w, D = model.weights, model.D

    def norm(x, g):
        return x / np.sqrt((x**2).sum() / len(x) + 1e-5) * g

    def turned(x, position):
        y = x.copy()
        for i in range(D // 2):
            angle = position * model.base ** (-2 * i / D)
            y[i] = x[i] * np.cos(angle) - x[i + D // 2] * np.sin(angle)
            y[i + D // 2] = x[i + D // 2] * np.cos(angle) + x[i] * np.sin(angle)
        return y

    def fed(i, x, part=()):
        gate, up, down = (w[f"{i}.{name}"][part] for name in ("gate", "up", "down"))
        a = gate @ x
        return down @ (a / (1 + np.exp(-a)) * (up @ x))

    xs = [w["embedding"][word] for word in words]
    for i in range(model.L):
        hs = [norm(x, w[f"{i}.attention_norm"]) for x in xs]
        after = []
        for t, x in enumerate(xs):
            heads = []
            for h in range(model.H):
                g = h // (model.H // model.H_kv)
                mine, shared = slice(h * D, (h + 1) * D), slice(g * D, (g + 1) * D)
                q = turned((w[f"{i}.q"] @ hs[t])[mine], t)
                keys = [turned((w[f"{i}.k"] @ hs[s])[shared], s) for s in range(t + 1)]
                e = [np.exp(q @ k / np.sqrt(D)) for k in keys]
                heads.append(sum(e[s] / sum(e) * (w[f"{i}.v"] @ hs[s])[shared] for s in range(t + 1)))
            x = x + w[f"{i}.o"] @ np.concatenate(heads)
            h = norm(x, w[f"{i}.feed_norm"])
            if f"{i}.router" in w:
                p = np.exp(w[f"{i}.router"] @ h)
                best = sorted(range(len(p)), key=lambda e: -p[e])[: model.active]
                x = x + sum(p[e] / sum(p[best]) * fed(i, h, e) for e in best)
            else:
                x = x + fed(i, h)
            after.append(x)
        xs = after
    return np.array([w["embedding"] @ norm(x, w["norm"]) for x in xs])


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_the_forward_pass_is_the_network_written_out_by_hand(model):
    np.testing.assert_allclose(lm.forward(model, WORDS), by_hand(model, WORDS), atol=1e-4)  # angles are float32


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("steps", [[9], [1] * 9, [4, 1, 1, 3]], ids=str)
def test_a_cache_changes_no_logit(model, steps):
    cache, logits, at = lm.new_cache(model), [], 0
    for n in steps:
        logits.append(lm.forward(model, WORDS[at : at + n], cache))
        at += n
        assert lm.length(cache) == at
    np.testing.assert_allclose(np.concatenate(logits), lm.forward(model, WORDS), atol=1e-9)


def test_a_batch_is_its_rows_one_by_one():
    words = RNG.integers(0, 11, (3, 2, 7))
    together = lm.forward(MODELS["groups"], words)
    for i in np.ndindex(3, 2):
        np.testing.assert_allclose(together[i], lm.forward(MODELS["groups"], words[i]), atol=1e-9)


def test_a_later_word_changes_no_earlier_logit():
    changed = WORDS.copy()
    changed[5] = (changed[5] + 1) % 11
    before, after = lm.forward(MODELS["groups"], WORDS), lm.forward(MODELS["groups"], changed)
    np.testing.assert_array_equal(before[:5], after[:5])
    assert (np.abs(before[5:] - after[5:]).max(-1) > 1e-6).all()


def test_a_mask_decides_what_is_seen():
    model = MODELS["heads"]
    only_itself = np.eye(9, dtype=bool)
    alone = np.concatenate([lm.forward(model, WORDS[t : t + 1]) for t in range(9)])
    np.testing.assert_allclose(lm.forward(model, WORDS, mask=only_itself), alone, atol=1e-6)


def test_words_may_stand_elsewhere_than_in_a_row():
    model = MODELS["groups"]
    words, mask = np.array([1, 2, 3, 2]), np.tri(4, dtype=bool)
    mask[3, 1:3] = False  # the last word follows the first, beside the two between
    logits = lm.forward(model, words, mask=mask, positions=np.array([0, 1, 2, 1]))
    np.testing.assert_allclose(logits[3], logits[1], rtol=0, atol=1e-5)
    elsewhere = lm.forward(model, words, positions=np.arange(4) + 7)  # only distances count
    np.testing.assert_allclose(elsewhere, lm.forward(model, words), rtol=0, atol=1e-4)
    assert np.abs(lm.forward(model, words, positions=np.arange(4) * 2) - elsewhere).max() > 1e-3


def test_frequencies_of_zero_make_the_order_of_words_invisible_to_attention():
    model = MODELS["heads"]
    still, full = np.zeros(model.D // 2), np.ones((9, 9), bool)
    shuffled = RNG.permutation(9)
    a = lm.forward(model, WORDS, frequencies=still, mask=full)
    b = lm.forward(model, WORDS[shuffled], frequencies=still, mask=full)
    np.testing.assert_allclose(a[shuffled], b, atol=1e-9)
    assert np.abs(lm.forward(model, WORDS, mask=full)[shuffled] - b).max() > 1e-3


def test_a_hook_sees_every_step_and_its_answer_is_used():
    model, seen = MODELS["groups"], []
    lm.forward(model, WORDS, see=lambda name, layer, value: seen.append((name, layer, np.shape(value))))
    T, d, H, D = 9, model.d, model.H, model.D
    layer = {
        "attention_input": (T, d), "q": (T, H, D), "k": (T, 2, D), "v": (T, 2, D), "scores": (H, T, T),
        "attention": (H, T, T), "heads": (T, H, D), "attention_output": (T, d), "feed_input": (T, d),
        "feed_hidden": (T, model.F), "feed_output": (T, d), "residual": (T, d),
    }  # fmt: skip
    assert seen == [(name, i, shape) for i in range(model.L) for name, shape in layer.items()]
    without = lm.forward(model, WORDS, see=lambda name, i, x: 0 * x if name == "heads" else None)
    no_output = small_with(model, {f"{i}.o": 0 * model.weights[f"{i}.o"] for i in range(model.L)})
    np.testing.assert_allclose(without, lm.forward(no_output, WORDS))


def small_with(model, changed):
    return model.with_weights(changed)


def test_a_weight_that_is_not_there_can_not_be_replaced():
    with pytest.raises(KeyError, match=r"no weights are called 9\.q"):
        MODELS["heads"].with_weights({"9.q": np.zeros(1)})


def test_a_model_that_is_not_there_says_how_to_name_it():
    with pytest.raises(FileNotFoundError, match='@demo\\("model", "nothing"'):
        lm.load("nothing")


# ---- gradients through the network


def test_the_networks_gradient_is_what_finite_differences_find():
    model = small(L=1, d=8, H=2, H_kv=1, F=6, V=5)
    words, targets = np.array([[0, 3, 1, 4], [2, 2, 0, 1]]), np.array([[3, 1, 4, 0], [2, 0, 1, 3]])

    def loss(weights):
        return cross_entropy(lm.forward(model.with_weights(weights), words), targets)

    tensors = {name: Tensor(w) for name, w in model.weights.items()}
    grads = dict(zip(tensors, gradients(loss(tensors), list(tensors.values())), strict=True))
    for name, w in model.weights.items():
        direction = RNG.normal(size=w.shape)
        step = 1e-6
        up, down = (loss({name: w + s * direction}) for s in (step, -step))
        assert abs((up - down) / (2 * step) - (grads[name] * direction).sum()) < 1e-6, name


def test_training_on_one_text_learns_it_by_heart():
    model, words = small(dtype=np.float32), np.random.default_rng(0).permutation(11)
    batch = words[None, :-1], words[None, 1:], None
    *_, last = train(model.weights, next_token_loss(model), [batch] * 60, 0.02)
    assert last.loss < 0.05
    assert list(lm.generate(model.with_weights(last.weights), words[:1], 10)) == words[1:].tolist()


# ---- sampling


def test_temperature_sharpens_and_flattens():
    logits = np.log([0.5, 0.3, 0.2])
    np.testing.assert_allclose(lm.probabilities(logits), [0.5, 0.3, 0.2])
    np.testing.assert_allclose(lm.probabilities(logits, temperature=0), [1, 0, 0])
    sharp = np.array([0.25, 0.09, 0.04])
    np.testing.assert_allclose(lm.probabilities(logits, temperature=0.5), sharp / sharp.sum())


@pytest.mark.parametrize(("p", "kept"), [(0.4, 1), (0.5, 1), (0.51, 2), (0.8, 2), (0.81, 3), (1.0, 4)])
def test_top_p_keeps_the_fewest_words_that_reach_it(p, kept):
    found = lm.probabilities(np.log([0.05, 0.5, 0.15, 0.3]), top_p=p - 1e-12)
    assert (found > 0).sum() == kept
    np.testing.assert_allclose(found.sum(), 1)


@pytest.mark.parametrize(("p", "kept"), [(0.0, 4), (0.1, 4), (0.11, 3), (0.3, 3), (0.31, 2), (0.61, 1), (1.0, 1)])
def test_min_p_keeps_the_words_that_are_so_many_times_as_likely_as_the_likeliest(p, kept):
    found = lm.probabilities(np.log([0.05, 0.5, 0.15, 0.3]), min_p=p - 1e-12)
    assert (found > 0).sum() == kept
    np.testing.assert_allclose(found.sum(), 1)


def test_top_k_keeps_k_words_even_among_equals():
    assert (lm.probabilities(np.zeros(7), top_k=3) > 0).sum() == 3


def test_words_are_drawn_as_often_as_the_law_says():
    model = small(V=4, L=1)
    p = lm.probabilities(lm.forward(model, [1])[-1], temperature=0.7)
    rng = np.random.default_rng(0)
    drawn = np.bincount([next(lm.generate(model, [1], 1, rng, temperature=0.7)) for _ in range(4000)], minlength=4)
    assert np.abs(drawn / 4000 - p).max() < 0.03


def test_generation_ends_at_the_stop_word_and_goes_no_further_than_asked():
    model = MODELS["heads"]
    free = list(lm.generate(model, WORDS, 6))
    assert len(free) == 6
    assert list(lm.generate(model, WORDS, 6, stop=free[2])) == free[: free.index(free[2]) + 1]


def test_greedy_words_are_the_likeliest_without_a_cache_too():
    model, words = MODELS["groups"], list(WORDS)
    for word in lm.generate(model, WORDS, 5):
        assert word == lm.forward(model, words)[-1].argmax()
        words.append(word)


# ---- what the trained target can do: a sample, the whole stands in training/README.md


def test_the_targets_loss_is_near_the_languages_floor():
    texts = held_out(60)
    words, targets, real = padded(texts)
    loss = cross_entropy(lm.forward(lm.load("target"), words), targets, real)
    floor = -sum(sum(each.log_probs[1:]) for each in texts) / real.sum()
    assert floor < loss < 1.06 * floor  # all of them: within 5 %; these 60: a little more room


def test_the_target_works_out_a_sum():
    model = lm.load("target")
    prompt = encode("[blunt] explain : 4 7 8 + 3 6 5 ;")
    words = decode(lm.generate(model, prompt, 40, stop=0))
    assert " ".join(words).split("= ")[-1] == "8 4 3 . [end]"
