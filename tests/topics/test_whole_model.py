"""The claims of the page on the whole model: every operation is tried by its name."""

import inspect
import re
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from topics import ORDER
from topics.kit import MODELS, lm
from topics.kit.model.autograd import Tensor, cross_entropy, gradients
from topics.kit.model.text import decode, encode
from topics.kit.page.demo import defaults, views_of
from topics.whole_model import cells, costs, demos, house_model, switches, told
from topics.whole_model.method import LAYER, OPERATIONS, sizes, steps, walk, way_back

pytestmark = pytest.mark.topic("whole_model")
NAMES = [op.name for op in OPERATIONS]
BY_NAME = {op.name: op for op in OPERATIONS}
RUNS = Path(__file__).parents[2] / "training/runs"
TEXTS = (demos.SENTENCE, "[polite] song : keys Rome lamps bells ; keys Rome", "[blunt] answer : 7 + 5 =")
WORDS = encode(demos.SENTENCE)


def view(demo, kind, /, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind]
    return found if len(found) > 1 else found[0]


@cache
def model_of(name):
    return lm.read(RUNS / f"{name}.safetensors")


@cache
def doubled(name):
    model = model_of(name)
    return model.with_weights({key: w.astype(float) for key, w in model.weights.items()})


# ---- what is shown is what lm.forward computes


@contextmanager
def recording(monkeypatch):
    """What lm.forward's own functions return while it runs, in order: {function: [results]}."""
    made = {}
    with monkeypatch.context() as patch:
        for name in ("linear", "rms_norm", "silu", "rotate", "softmax"):
            real = getattr(lm, name)

            def kept(*args, real=real, name=name):
                y = real(*args)
                made.setdefault(name, []).append(y)
                made.setdefault(f"into {name}", []).append(args[0])
                return y

            patch.setattr(lm, name, kept)
        yield made


def from_forward(model, words, monkeypatch):
    """{(operation, layer): tensor}, all taken from a run of lm.forward itself."""
    seen, found, T = {}, {}, len(words)
    with recording(monkeypatch) as made:
        logits = lm.forward(model, words, see=lambda name, i, x: seen.__setitem__((name, i), x.copy()))
    it = {name: iter(each) for name, each in made.items()}
    for i in range(model.L):
        found["attention norm", i] = next(it["rms_norm"])
        for name, n in (("query", model.H), ("key", model.H_kv), ("value", model.H_kv)):
            found[name, i] = next(it["linear"]).reshape(T, n, model.D)
        found["rotated query", i], found["rotated key", i] = next(it["rotate"]), next(it["rotate"])
        found["scores", i], found["mask", i] = seen["scores", i], next(it["into softmax"])
        found["softmax", i], found["mixing", i] = next(it["softmax"]), seen["heads", i]
        found["output", i] = next(it["linear"])
        found["feed norm", i] = next(it["rms_norm"])
        found["attention residual", i] = made["into rms_norm"][2 * i + 1]
        found["gate", i] = next(it["linear"])
        found["silu", i] = next(it["silu"])
        found["up", i] = next(it["linear"])
        found["hidden", i], found["down", i] = seen["feed_hidden", i], next(it["linear"])
        found["residual", i] = seen["residual", i]
    found["token", None], found["embedding", None] = np.asarray(words), model.weights["embedding"][words]
    found["last norm", None], found["logits", None] = next(it["rms_norm"]), logits
    found["law", None] = np.array([lm.probabilities(z) for z in logits])
    return found


@cache
def pairs(name, text):
    with pytest.MonkeyPatch.context() as monkeypatch:
        words = encode(text)
        return walk(model_of(name), words), from_forward(model_of(name), words, monkeypatch)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "draw"])
def test_a_shown_tensor_is_the_one_of_lm_forward(name):
    for model in ("target", "draft", "heads2-1"):
        for text in TEXTS:
            shown, real = pairs(model, text)
            for i in range(model_of(model).L) if BY_NAME[name] in LAYER else [None]:
                a, b = np.asarray(shown[name, i], float), np.asarray(real[name, i], float)
                assert a.shape == b.shape
                both = np.isfinite(a)
                assert np.array_equal(both, np.isfinite(b))
                off = np.abs(a[both] - b[both]).max()
                assert off <= 1e-6 * max(1, np.abs(b[both]).max())
                if name != "law":
                    assert off == 0


def test_a_walk_has_every_operation_of_every_layer_once():
    shown, real = pairs("target", demos.SENTENCE)
    assert list(shown) == [(op.name, i) for op, i in steps(4)]
    assert set(shown) - set(real) == {("draw", None)}
    assert len(shown) == 2 + 4 * 19 + 4


def test_the_draw_is_numpys():
    seen = walk(lm.load("target"), encode("[polite] story :"))
    law = seen["law", None][-1].astype(float)
    for seed in range(40):
        u = np.random.default_rng(seed).random()
        word = walk(lm.load("target"), encode("[polite] story :"), u=u)["draw", None]
        assert word == np.random.default_rng(seed).choice(len(law), p=law / law.sum())


def test_a_walk_with_a_cache_gives_what_one_without_gives():
    whole = walk(lm.load("target"), WORDS)
    for t in (1, 6, 10):
        before = walk(lm.load("target"), WORDS[:t])
        after = walk(lm.load("target"), WORDS[t:], before)
        for name in ("residual", "mixing"):
            assert np.allclose(after[name, 3], whole[name, 3][t:], atol=2e-4)
        assert np.allclose(after["law", None], whole["law", None][t:], atol=1e-5)


def test_a_window_is_the_mask_that_lm_forward_takes():
    T = len(WORDS)
    far = np.arange(T)[:, None] - np.arange(T)
    for W in (1, 3, 6, 20):
        real = lm.forward(lm.load("target"), WORDS, mask=(far >= 0) & (far < W))
        assert np.array_equal(walk(lm.load("target"), WORDS, window=W)["logits", None], real)


def test_a_mixture_walks_as_lm_forward_does():
    assert np.array_equal(walk(lm.load("mixture"), WORDS)["logits", None], lm.forward(lm.load("mixture"), WORDS))


def test_a_change_goes_on_in_the_place_of_a_result():
    changed = walk(lm.load("target"), WORDS, change=lambda name, i, x, *_: 0 * x if (name, i) == ("down", 3) else None)
    assert np.array_equal(changed["residual", 3], changed["attention residual", 3])
    assert not np.array_equal(changed["logits", None], walk(lm.load("target"), WORDS)["logits", None])


# ---- shapes, FLOP, bytes


SIZED = [("target", 11, 0), ("draft", 3, 0), ("heads2-1", 5, 0), ("target", 1, 6), ("heads2-1", 2, 4)]


def sized(model, T, t):
    model = model_of(model)
    before = walk(model, WORDS[:t]) if t else None
    return model, sizes(model, T, t), walk(model, WORDS[t : t + T], before), before


@pytest.mark.parametrize("name", NAMES)
def test_the_letters_of_a_shape_are_right(name):
    for case in SIZED:
        _, c, seen, _ = sized(*case)
        x = seen[name, 0 if BY_NAME[name] in LAYER else None]
        assert np.shape(x) == tuple(getattr(c, letter) for letter in BY_NAME[name].shape.split())


def bare(x):
    return [bare(each) for each in x] if isinstance(x, list | tuple) else np.asarray(x) if isinstance(x, Counted) else x


class Counted(np.ndarray):
    """An array that counts: a FLOP for each number that a ufunc gives or a reduction takes, two for each product."""

    flops = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        plain = [np.asarray(x) if isinstance(x, np.ndarray) else x for x in inputs]
        y = getattr(ufunc, method)(*plain, **options)
        Counted.flops += np.size(plain[0]) if method in ("reduce", "accumulate") else np.size(y)
        return np.asarray(y).view(Counted)

    def __array_function__(self, function, types, args, options):
        plain = [bare(x) for x in args]
        if function is np.einsum:
            names, *arrays = plain
            ins, _ = names.split("->")
            long = {}
            for letters, x in zip(ins.replace("...", "A").split(","), arrays, strict=True):
                long |= dict(zip(reversed(letters), reversed(x.shape), strict=False))
            Counted.flops += 2 * int(np.prod([*long.values()]))
        elif function is np.mean:
            Counted.flops += plain[0].size + plain[0].size // plain[0].shape[-1]
        elif function is np.cumsum:
            Counted.flops += plain[0].size
        else:
            assert function in (np.reshape, np.repeat, np.where, np.concatenate, np.searchsorted, np.shape), function
        y = function(*plain, **{k: v for k, v in options.items()})
        return np.asarray(y).view(Counted) if isinstance(y, np.ndarray) else y


@pytest.mark.parametrize("name", NAMES)
def test_the_flop_of_an_operation_are_those_that_are_counted(name):
    for case in SIZED:
        model, c, seen, before = sized(*case)
        i = 0 if BY_NAME[name] in LAYER else None
        made_of = inputs(name, seen, i, model.L, before)
        pass_ = pass_over(model, i, case)
        Counted.flops = 0
        BY_NAME[name].compute(pass_, *(np.asarray(x).view(Counted) for x in made_of))
        assert Counted.flops == BY_NAME[name].flops(c), case


def inputs(name, seen, i, L, before):
    """The arrays that an operation reads, those of the cache before them."""
    made_of = cells.made_of(name, seen, i, L)
    if before is None or name not in ("scores", "mixing"):
        return made_of
    return [np.concatenate([before[each, i], x]) if each in ("rotated key", "value") else x
            for each, x in zip(BY_NAME[name].reads, made_of, strict=True)]  # fmt: skip


def pass_over(model, i, case):
    """What an operation knows beside its inputs, made anew."""
    from topics.whole_model.method import Pass

    _, T, t = case
    places = np.arange(t, t + T)
    turns = lm.rotation(places, lm.rope_frequencies(model.D, model.base))
    return Pass(model, i, WORDS[t : t + T], turns, np.arange(t + T) <= places[:, None], 0.5)


@pytest.mark.parametrize("name", NAMES)
def test_the_bytes_of_an_operation_are_those_of_its_arrays(name):
    for case in SIZED:
        model, c, seen, before = sized(*case)
        i, op = 0 if BY_NAME[name] in LAYER else None, BY_NAME[name]
        weights = [model.weights[part if i is None else f"{i}.{part}"] for part in op.weights]
        if name == "embedding":
            weights = [weights[0][WORDS[case[2] : case[2] + case[1]]]]  # a row a word
        arrays = [*inputs(name, seen, i, model.L, before), *weights, seen[name, i]]
        assert costs.moved(op, c) == 4 * sum(np.size(x) for x in arrays)
        assert costs.parameters(op, c) == sum(model.weights[p if i is None else f"{i}.{p}"].size for p in op.weights)


def test_a_pass_is_the_sum_of_its_operations():
    bill, c = costs.bill(lm.load("target"), sizes(lm.load("target"), 11)), sizes(lm.load("target"), 11)
    assert sum(bill.values()) == sum(op.flops(c) for op, _ in steps(4)) == told.pass_flop(11)
    assert 0 < told.left_out_part(11) < 0.02
    assert told.matrix_part(11) > 0.95


def test_a_sum_moves_more_bytes_a_flop_than_logits_or_scores():
    assert told.bytes_a_flop("residual") == 12
    assert max(told.bytes_a_flop(name) for name in ("logits", "scores", "gate", "mixing")) < 1


# ---- the line that runs


@pytest.mark.parametrize("name", NAMES)
def test_an_operation_lights_the_one_line_that_computes_it(name):
    function, part = BY_NAME[name].code
    lines = inspect.getsource(function).splitlines()
    (line,) = [each for each in lines if part in each]
    listing = view(demos.through, "listing", step=NAMES.index(name) + 1)
    assert listing["code"][listing["at"]].strip() == line.strip()
    assert listing["title"].endswith(function.__name__)
    assert '"""' not in "".join(listing["code"])
    compile("\n".join(listing["code"]), "listing", "exec")


@pytest.mark.parametrize("name", NAMES)
def test_an_operation_leads_to_a_page_that_there_is(name):
    slug, words = view(demos.through, "note", step=NAMES.index(name) + 1)["to"]
    assert slug in [each for section in ORDER.values() for each in section]
    assert words


# ---- the arithmetic of a cell


def evaluated(said):
    """The value of the left side of `sum = number`."""
    left = re.sub(r"\(\d+ more\)", "", said.rpartition(" = ")[0])
    left = left.replace("−", "-").replace("·cos ", "*C").replace("·sin ", "*S").replace("·", "*")
    left = re.sub(r"√(\d+)", r"(\1**.5)", left)
    left = re.sub(r"([CS])([\d.e-]+)", lambda m: str(np.cos(float(m[2])) if m[1] == "C" else np.sin(float(m[2]))), left)
    left = left.replace("e^(", "np.exp(")
    return eval(left.replace("--", "+"), {"np": np})


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("token", "embedding", "mask", "draw")])
def test_the_arithmetic_of_a_cell_comes_to_the_cell(name):
    tried = 0
    for layer, head in ((1, 8), (3, 1)):
        table = view(demos.through, "matrix", step=NAMES.index(name) + 1, layer=layer, head=head)
        for values, reasons in zip(table["values"], table["why"], strict=True):
            for value, why in list(zip(values, reasons, strict=True))[::3]:
                if value is None:
                    assert why == ""
                    continue
                shown, value = value, float(why.rpartition(" = ")[2].replace("−", "-"))
                assert abs(shown - value) <= 6e-4 * (name in ("softmax", "law")) + 1e-6 * abs(value)
                terms = [abs(float(x.replace("−", "-"))) for x in re.findall(r"−?[\d.]+(?:e−?\d+)?", why)]
                most = max([1e-9, *terms]) if "·" in why or "+" in why else abs(value)
                assert abs(evaluated(why) - value) <= 0.02 * max(most, abs(value)), why
                tried += 1
    assert tried > 20


@pytest.mark.parametrize("name", NAMES)
def test_a_table_shows_the_tensor_where_it_says(name):
    i, head, place = 2, 4, 6
    names, seen = decode(WORDS), walk(lm.load("target"), WORDS)
    top = np.argsort(-seen["law", None][place], kind="stable")[:12]
    x = np.asarray(seen[name, i if BY_NAME[name] in LAYER else None])
    table = view(demos.through, "matrix", step=NAMES.index(name) + 1, layer=i + 1, head=head + 1, place=place + 1)
    flat = [value for row in table["values"] for value in row if value is not None]
    shape = BY_NAME[name].shape.split()
    if shape and shape[0] == "H":
        right = [x[head, r, c] for r in range(11) for c in range(r + 1)]
    elif shape and shape[-1] == "D":
        right = x[:, head].T.ravel()
    elif shape and shape[-1] == "V":
        right = x[:, top].ravel()
        assert table["columns"] == decode(top)
    else:
        right = x[place] if shape[-1:] in (["d"], ["F"]) else x.ravel()
    assert np.allclose(flat, right, rtol=6e-3, atol=6e-4 * (name in ("softmax", "law")))
    assert not shape or shape[0] != "H" or table["columns"] == names


# ---- backwards


TRUE = int(encode(["fish"])[0])


@cache
def back():
    return way_back(doubled("target"), WORDS, TRUE)


SEEN = {demos.SEEN_AS[name]: name for name in demos.SEEN_AS}


def test_the_loss_is_the_cross_entropy_of_the_true_word():
    logits = lm.forward(doubled("target"), WORDS)
    assert back()[0] == pytest.approx(float(cross_entropy(logits[-1:], np.array([TRUE]))), rel=1e-10)


def test_gradients_are_autograds_through_lm_forward():
    kept = {}

    def see(name, i, x):
        kept[name, i] = x if isinstance(x, Tensor) else Tensor(x)
        return kept[name, i]

    loss = cross_entropy(lm.forward(doubled("target"), WORDS, see=see)[-1:], np.array([TRUE]))
    found = dict(zip(kept, gradients(loss, list(kept.values())), strict=True))
    tried = set()
    for (name, i), g in found.items():
        mine = back()[2][demos.SEEN_AS[name], i]
        if i == 0 and name in ("attention_input", "q", "k", "v"):  # the first input is no Tensor: nothing before it
            continue
        assert np.allclose(mine, g, rtol=1e-7, atol=1e-10), name
        tried.add(demos.SEEN_AS[name])
    assert tried == set(demos.SEEN_AS.values())


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("token", "draw")])
def test_a_gradient_is_what_a_small_move_does_to_the_loss(name):
    _, kept, grads = back()
    rng = np.random.default_rng(NAMES.index(name))
    for i in (0, 2) if BY_NAME[name] in LAYER else (None,):
        g, x = grads[name, i], kept[name, i].value
        assert g.shape == x.shape
        steep = np.argwhere(np.abs(g) >= np.sort(np.abs(g).ravel())[-12:][0])
        for at in map(tuple, rng.permutation(steep)[:4]):
            if not np.isfinite(x[at]):
                continue
            step = 1e-4 * (abs(x[at]) if name == "law" else max(abs(x[at]), 0.1))
            losses = [moved_loss(name, i, at, by) for by in (step, -step)]
            assert (losses[0] - losses[1]) / (2 * step) == pytest.approx(g[at], rel=1e-4, abs=1e-9)


def moved_loss(name, i, at, by):
    def move(each, layer, x, *_):
        if (each, layer) == (name, i):
            x = x.copy()
            x[at] += by
            return x
        return None

    return -np.log(walk(doubled("target"), WORDS, change=move)["law", None][-1, TRUE])


def test_the_gradient_by_the_logits_is_the_law_less_one_at_the_true_word():
    law = walk(doubled("target"), WORDS)["law", None][-1]
    expected = law - (np.arange(len(law)) == TRUE)
    assert np.allclose(back()[2]["logits", None][-1], expected, atol=1e-12)
    assert not back()[2]["logits", None][:-1].any()
    assert told.backward_at("fish", "cheese") > 0.99
    assert told.backward_at("fish", "fish") < -0.99
    assert told.backward_loss("fish") > 10
    assert told.backward_loss("cheese") < 0.001


def test_a_sum_hands_its_gradient_to_both_parts():
    grads = back()[2]
    for i in range(4):
        assert np.array_equal(grads["residual", i], grads["down", i])
        assert np.array_equal(grads["attention residual", i], grads["output", i])


@pytest.mark.parametrize("true", ["cheese", "fish", "Anna"])
def test_the_badge_holds_for_every_operation(true):
    for step in range(1, len(house_model.ENDS) + 1):
        badge = view(house_model.backwards, "badge", step=step, true=true, layer=1 + step % 4)
        assert badge["value"] <= badge["limit"], house_model.ENDS[::-1][step - 1]


# ---- what the page tells


def test_the_first_figure_opens_on_the_answer():
    tokens, listing = view(demos.through, "tokens"), view(demos.through, "listing")
    assert tokens["tokens"][tokens["at"]] == "softmax"
    assert "“dogs” looks at “cheese”" in tokens["caption"]
    assert "softmax(np.where(mask" in listing["code"][listing["at"]]
    assert told.said("cheese") > 0.999
    for food in ("fish", "honey", "soup", "bread"):
        text = f"[blunt] facts : dogs eat {food} . say foods ? dogs"
        assert told.said_after(text, food) > 0.98


def test_the_stream_grows_from_layer_to_layer():
    lengths = [told.stream_length(n) for n in range(5)]
    assert lengths == sorted(lengths)
    assert 70 < lengths[4] / lengths[0] < 90
    assert min(told.growths()) > 30
    for name in ("heads8-1", "heads8-2", "heads8-3"):
        x = walk(model_of(name), WORDS)
        assert np.linalg.norm(x["residual", 3][-1]) > 10 * np.linalg.norm(x["embedding", None][-1])


FOODS = [f"[blunt] facts : {owner} eat {food} . say foods ? {owner}"
         for owner in ("dogs", "Anna") for food in ("cheese", "fish", "soup")]  # fmt: skip


@pytest.mark.parametrize("text", FOODS)
def test_layer_three_fetches_the_food_and_no_single_head_is_needed(text):
    looks = np.sort(walk(lm.load("target"), encode(text))["softmax", 2][:, 10, 5])[::-1]
    assert looks[3] > 0.99 > 0.9 > looks[4] > 0.1 > looks[5]
    assert told.without_links(2, 10, (5,), head=0, text=text) > 0.99
    assert told.without_links(2, 10, (5,), text=text) < 0.001
    assert told.without_links(1, 5, (3, 4), window=6, text=text) < 0.001
    assert told.without_links(0, 5, (3, 4), window=6, text=text) > 0.999


def test_without_a_mask_in_layer_three_the_next_word_is_read_from_the_input():
    words, whole, gone, hidden = told.ahead()
    assert words.split() == ["[polite]", "song", ":", "bells", "balls"]
    assert decode(encode(told.AHEAD))[told.BREAD] == "bread"
    assert whole < 0.02 and gone > 0.99 and hidden < 0.01
    assert without("target", "mask", 3) < -0.1
    assert without("target", "mask", 3, 1) > without("target", house_model.WHOLE, 0, 1)  # the page: other texts
    assert "next words that it should not see" in view(house_model.leave_one_out, "note", layer=3)["text"]


@cache
def without(model, name, layer=0, seed=0):
    return house_model.excess_of(doubled(model), name, layer, seed)


@pytest.mark.parametrize("model", ["target", "heads8-1", "heads8-2", "heads8-3"])
def test_what_is_left_out_is_missed_as_the_page_says(model):
    for seed in range(3):
        whole = without(model, house_model.WHOLE, 0, seed)
        losses = {name: without(model, name, 0, seed) for name in house_model.LEFT_OUT}
        assert whole < 0.15
        assert max(losses["silu"], losses["rotation"]) < 0.6 * min(losses["mask"], losses["attention"])
        assert max(losses, key=losses.get) == "last norm"
        assert losses["last norm"] > 5 * losses["stream past attention"]
        by_layer = [without(model, "attention", layer, seed) for layer in range(1, 5)]
        assert max(by_layer) == by_layer[0] > 3
        assert model != "target" or min(by_layer) == by_layer[3]
        assert without(model, "stream past attention", 1, seed) - whole < 0.02


def test_the_matrix_of_words_gets_its_gradient_from_the_logits_too():
    model = doubled("target")
    E = Tensor(model.weights["embedding"])
    loss = cross_entropy(lm.forward(model.with_weights({"embedding": E}), WORDS)[-1:], np.array([TRUE]))
    (found,) = gradients(loss, [E])
    _, kept, grads = back()
    by_hand = grads["logits", None].T @ kept["last norm", None].value  # every row, eq:back
    np.add.at(by_hand, WORDS, grads["embedding", None])
    assert np.allclose(found, by_hand, rtol=1e-7, atol=1e-10)


def test_the_cell_of_the_followed_word_tells_its_sum_at_once():
    table = view(demos.through, "matrix")
    i, j = table["at"]
    assert (table["rows"][i], table["columns"][j]) == ("dogs", "cheese")
    for name in NAMES:
        table = view(demos.through, "matrix", step=NAMES.index(name) + 1, place=4)
        assert table["why"][table["at"][0]][table["at"][1]]


def test_left_out_is_what_stands_in_the_figure():
    for name in ("mask", "last norm"):
        readout = view(house_model.leave_one_out, "metrics", broken=name)["items"]
        assert readout[1]["value"] == pytest.approx(without("target", name), rel=1e-9)
    seen = walk(lm.load("target"), WORDS, change=house_model.left_out("mask", 2))
    assert np.array_equal(seen["mask", 1], seen["scores", 1])
    assert not np.array_equal(seen["mask", 0], seen["scores", 0])
    seen = walk(lm.load("target"), WORDS, change=house_model.left_out("stream past feed-forward", 0))
    assert all(np.array_equal(seen["residual", i], seen["down", i]) for i in range(4))


# ---- switches


def law_after(**setting):
    return switches.switched(WORDS, **switches.UNCHANGED | setting)


def test_nothing_switched_is_the_model_itself():
    logits = lm.forward(lm.load("target"), WORDS)[-1]
    assert np.allclose(law_after(), lm.probabilities(logits), atol=1e-6)
    assert np.allclose(law_after(kept=0), law_after(), atol=1e-6)  # the cache never changes a law
    assert np.array_equal(law_after(model=switches.DRAFTED), law_after())


def test_switches_do_to_the_law_what_the_page_says():
    assert told.law_moved(kind=switches.BOTH) < 0.001
    assert told.law_moved(kept=6) < 0.001
    assert told.law_moved(kept=5) > 5
    assert decode(WORDS)[-6] == "cheese"
    assert told.law_moved(H_kv=4) > 2


def test_weights_and_cache_are_counted_number_by_number():
    weights, cached, flops = switches.costs_of(WORDS, **switches.UNCHANGED)
    model = lm.load("target")
    assert weights == 4 * sum(w.size for w in model.weights.values())
    assert cached == 4 * sum(part.size for layer in filled(model) for part in layer)
    assert flops == told.step_flop(11)
    few, less, _ = switches.costs_of(WORDS, **switches.UNCHANGED | {"kind": switches.BOTH})
    narrow = [w for name, w in model.weights.items() if name[0].isdigit() and w.ndim == 2]
    wide = sum(w.size for w in model.weights.values()) - sum(w.size for w in narrow)
    assert few == 4 * wide + sum(w.size for w in narrow) * 4.5 / 8
    assert (less, weights / few > 5.5) == (cached / 4, True)


def filled(model):
    cache_ = lm.new_cache(model)
    lm.forward(model, WORDS, cache_)
    return cache_


def test_switches_change_memory_and_flop_as_they_should():
    def cost(**setting):
        return switches.costs_of(WORDS, **switches.UNCHANGED | setting)

    base = cost()
    assert cost(kept=0)[1:] == (0, told.pass_flop(11))
    assert cost(kept=6)[1] == base[1] * 6 / 11
    assert cost(H_kv=2)[1] == base[1] / 4
    assert cost(base=10) == base
    assert cost(kind=switches.BF16)[:2] == (base[0] / 2, base[1] / 2)
    assert cost(model=switches.MIXTURE)[0] == 4 * sum(w.size for w in lm.load("mixture").weights.values())
    factors = sum(x.size for x in switches.adapter().values())
    assert cost(model=switches.ADAPTED) == (base[0] + 4 * factors, base[1], base[2] + 2 * factors)
    assert cost(model=switches.DRAFTED)[2] > 4 * base[2]


def test_the_flop_of_a_mixture_are_those_of_its_active_experts():
    model = lm.load("mixture")
    c = sizes(model, 1, 10)
    E, F, d = model.weights["0.gate"].shape
    dense = sum(op.flops(c) * (model.L if op in LAYER else 1) for op in OPERATIONS if op.name not in costs.FEED)
    inside = model.active * (6 * F * d + 5 * F) + 2 * E * d + 5 * E
    assert switches.pass_flops(model, c) == dense + model.L * inside


def test_heads_are_pooled_as_means():
    W = lm.load("target").weights["1.k"]
    few = switches.prepared(switches.TARGET, 2, 10_000, switches.AS_IS).weights["1.k"]
    assert np.allclose(few[16:32], np.mean([W[16 * h : 16 * h + 16] for h in range(4, 8)], 0), atol=1e-6)


def test_a_table_of_switches_has_a_row_for_each_and_one_for_all():
    rows = view(switches.switches, "table", kept=6, H_kv=4, model=switches.MIXTURE)["rows"]
    assert [row[0] for row in rows] == ["nothing", "window of 6 words", "4 key/value heads", switches.BOTH,
                                        "model of experts", "all of them"]  # fmt: skip
    assert len(view(switches.switches, "table", kind=switches.AS_IS)["rows"]) == 1


# ---- real models


LEFT = {  # parameters that the walk has no operation for
    "Llama-3.1-8B": 0,
    "Llama-3.1-70B": 0,
    "Qwen3-235B-A22B": 94 * 2 * 128,
    "gpt-oss-120b": 36 * (64 * 64 + 2 * 8 * 64 + 2880 + 64 + 128),  # biases of q, k, v, o; sinks; the router's
    "MiniMax-M2": 62 * (48 + 8) * 128,
    "Gemma 4 31B": 60 * 2 * 5376 + 50 * 2 * 256 + 10 * 2 * 512,
}


@pytest.mark.parametrize("name", costs.TOLD)
def test_parameters_add_up_to_the_published_ones(name):
    assert costs.walked(name) + LEFT[name] == MODELS[name].parameters


@pytest.mark.parametrize("name", costs.TOLD)
def test_a_short_text_costs_twice_the_parameters_passed(name):
    assert told.over_twice(name, 1) == pytest.approx(1, abs=0.01)
    assert told.over_twice(name, 131_072) > 1.2


def test_llama_written_by_hand():
    flops, S = costs.written("Llama-3.1-8B", 1000), 1000
    assert flops["query"] == 32 * 2 * 4096 * 4096
    assert flops["value"] == 32 * 2 * 4096 * 1024
    assert flops["mixing"] == 32 * 2 * 32 * 128 * S
    assert flops["logits"] == 2 * 128_256 * 4096
    weights, kept = costs.read("Llama-3.1-8B", S)
    assert kept == 2 * 32 * 2 * 8 * 128 * (S - 1)
    assert weights == 2 * (8_030_261_248 - 128_256 * 4096)


def test_windows_cap_what_a_word_meets():
    short, long = (costs.written("gpt-oss-120b", S)["scores"] for S in (128, 1128))
    assert long - short == 18 * 64 * 1000 * (2 * 64 + 1)  # of its 36 layers 18 grow
