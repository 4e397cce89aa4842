"""Controls, demos and the bridge: what a topic may rely on."""

import json

import numpy as np
import pytest

from topics.kit import Choice, Figure, LogSlider, Metrics, Seed, Slider, Table, Text, Toggle, demo, line, softmax
from topics.kit.page.bridge import pack, run
from topics.kit.page.controls import ControlError
from topics.kit.page.demo import DemoError, as_views, corners, defaults, headline, views_of
from topics.kit.page.topic import find
from topics.kit.page.traces import rule


def test_a_slider_of_whole_numbers_gives_whole_numbers():
    stops = Slider("T", 0, 10, value=4, step=2).stops
    assert stops == (0, 2, 4, 6, 8, 10)
    assert all(isinstance(stop, int) for stop in stops)


def test_a_slider_of_fractions_has_no_rounding_dust():
    assert Slider("p", 0.0, 1.0, value=0.3, step=0.1).stops == (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)


def test_a_log_slider_reaches_both_ends_and_every_power_of_two():
    stops = LogSlider("T", 128, 131_072, value=8192, per_octave=3).stops
    assert {2**i for i in range(7, 18)} <= set(stops)
    assert list(stops) == sorted(set(stops))


def test_a_demo_that_runs_a_model_must_name_it():
    with pytest.raises(DemoError, match="names the models that it runs"):
        demo("model")(lambda: None)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Slider("T", 0, 10, value=3, step=2), "Did you mean 2"),
        (lambda: Slider("T", 0, 10, value=0, step=3), "whole number of steps"),
        (lambda: Slider("T", 5, 5, value=5), "low < high"),
        (lambda: Slider("T", 1, 3, value=1, names=("a", "b")), "has 3 stops but 2 names"),
        (lambda: LogSlider("T", 0, 8, value=4), "0 < low"),
        (lambda: LogSlider("T", 1, 8, value=5), "Did you mean 4"),
        (lambda: Choice("c", ("A100", "H100"), value="H10"), "Did you mean 'H100'"),
        (lambda: Choice("c", ("a", "a"), value="a"), "two different"),
        (lambda: Text("t", "too long", limit=3), "limit is 3"),
    ],
)
def test_a_control_that_cannot_be_drawn_says_why(make, says):
    with pytest.raises(ControlError, match=says.replace("(", r"\(")):
        make()


def test_a_demo_is_its_function_with_controls_attached():
    def plain(n, on):
        return n, on

    attached = demo(n=Slider("n", 0, 4, value=1), on=Toggle("on"))(plain)
    assert attached is plain
    assert attached(3, True) == (3, True)
    assert defaults(attached) == {"n": 1, "on": False}
    assert headline(attached) == "n"
    assert len(list(corners(attached))) == 3 * 2


@pytest.mark.parametrize(
    ("controls", "says"),
    [
        ({"m": Slider("n", 0, 4, value=1)}, "arguments ['n'] but controls ['m']"),
        ({}, "arguments ['n'] but controls []"),
        ({"n": 3}, "n is 3, not a control"),
    ],
)
def test_a_demo_that_contradicts_its_function_names_both(controls, says):
    with pytest.raises(DemoError) as caught:
        demo(**controls)(lambda n: None)
    assert says in str(caught.value)


def test_a_demo_kind_must_be_known():
    with pytest.raises(DemoError, match="'slow' is not one of instant, model, live"):
        demo("slow")(lambda: None)


def test_the_last_yield_of_a_generator_is_its_answer():
    @demo("live", n=Slider("n", 1, 4, value=3))
    def steps(n):
        for i in range(n):
            yield Metrics(("i", i, ""))

    assert views_of(steps, {"n": 3}) == [Metrics(("i", 2, ""))]


def test_a_demo_must_return_views():
    with pytest.raises(DemoError, match="not int"):
        as_views((Metrics(), 3))


def test_layout_is_merged_over_the_axes_not_instead_of_them():
    axis = Figure([], x_title="tokens", xaxis={"type": "log"})["layout"]["xaxis"]
    assert axis == {"title": {"text": "tokens"}, "type": "log"}


def test_a_table_refuses_a_ragged_row():
    with pytest.raises(ValueError, match="1 cells but there are 2 columns"):
        Table(["a", "b"], [[1]])


def test_a_rule_stands_at_one_x_or_one_y():
    for both in ({}, {"x": 1, "y": 1}):
        with pytest.raises(ValueError, match="one of x and y"):
            rule(**both)


def test_an_ink_must_be_one_of_the_site():
    with pytest.raises(ValueError, match="'blue' is not one of query"):
        line([0], [0], "l", "blue")


def unpacked(packed):
    """The views of the bridge's answer, arrays put back as the page's script does it."""
    text, data = packed

    def revive(thing):
        if "$array" not in thing:
            return thing
        size = int(np.prod(thing["shape"], dtype=int))
        return np.frombuffer(data, thing["$array"], size, thing["offset"]).reshape(thing["shape"]).tolist()

    return json.loads(text, object_hook=revive)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int8, np.bool_])
def test_arrays_cross_the_bridge_bit_by_bit(dtype):
    arrays = [np.arange(n).astype(dtype).reshape(shape) for n, shape in ((3, (3,)), (6, (2, 3)), (0, (0,)), (1, ()))]
    back = unpacked(pack({"view": "table", "rows": arrays, "x": np.float64(0.1)}))[0]
    assert back["rows"] == [array.astype(float).tolist() for array in arrays]
    assert back["x"] == 0.1


@pytest.mark.parametrize("bad", [np.array([1, np.nan]), np.inf, float("nan"), np.float32("inf")])
def test_nan_and_infinity_do_not_cross_the_bridge(bad):
    with pytest.raises(ValueError, match=r"NaN|not JSON compliant"):
        pack({"view": "metrics", "items": [bad]})


def test_the_bridge_runs_a_demo_by_its_name():
    for call in ("kv_cache.memory_calculator", "mqa.pool_heads"):  # of demos.py, and of another file
        views = unpacked(run(call, json.dumps(defaults(find(call)))))
        assert views[0]["view"] == "figure"


def test_a_call_of_no_demo_says_what_is_missing():
    with pytest.raises(LookupError, match="topics/kv_cache has no memory"):
        run("kv_cache.memory", "{}")


def test_softmax_survives_scores_whose_exponential_overflows():
    np.testing.assert_allclose(softmax(np.array([800.0, 800.0, -800.0])), [0.5, 0.5, 0.0])


def test_a_seed_is_a_corner_of_its_own():
    assert Seed().corners == (0, 1, 9999)
