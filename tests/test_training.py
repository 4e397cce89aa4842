"""What training/ left behind: the results that the README tells, and the claims that pages build on."""

import json

import pytest

from topics.kit.model import lm
from topics.kit.model.data import data_file
from topics.kit.model.language import HELD_OUT
from training import effects, family, report
from training.family import PLANS, RUNS, missing_starts, waves
from training.recorded import kept

FOUND = report.results()
TARGET = FOUND["target"]


def test_no_run_trains_on_held_out_texts_and_no_two_runs_are_alike():
    assert all(plan.seed < HELD_OUT for plan in PLANS.values())
    shapes = [(json.dumps(plan.shape, sort_keys=True), plan.seed, plan.words, plan.texts) for plan in PLANS.values()]
    assert len(set(shapes)) == len(shapes)


def test_the_tables_of_the_readme_are_those_of_the_results():
    text = report.README.read_text()
    assert report.filled(text, FOUND) == text, "run python -m training.report"


def test_a_report_before_any_effect_was_measured_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"run python -m training\.effects target heads8-1"):
        report.measured(FOUND)


def test_the_plots_are_those_of_the_results():
    for name, svg in report.plots(FOUND).items():
        assert (report.PLOTS / name).read_text() == svg, "run python -m training.report"


@pytest.mark.parametrize("name", FOUND)
def test_a_result_says_how_it_came_about(name):
    result, plan = FOUND[name], PLANS[name]
    assert result["command"].endswith(name)
    assert result["environment"]["torch"].startswith("2.13.0")
    assert result["plan"]["size"] == plan.shape
    assert result["plan"]["words"] == plan.words <= result["curve"][-1][0]
    assert result["plan"]["seed"] == plan.seed


def test_the_target_is_small_enough_for_the_wire():
    assert TARGET["parameters"] <= 600_000
    assert data_file("target").stat().st_size <= 1_200_000


def test_the_targets_loss_is_within_five_percent_of_the_known_entropy():
    assert 0 < report.above(TARGET) < 5


@pytest.mark.parametrize(
    ("skill", "distance", "least"),
    [
        ("who", 0, 0.9),
        ("who", 5, 0.9),
        ("where", 0, 0.9),
        ("where", 5, 0.9),
        ("fact", 0, 0.9),
        ("copy", 0, 0.95),
    ],
)
def test_the_target_has_learnt_each_skill(skill, distance, least):
    accuracy, answers = report.share(TARGET, skill, distance)
    assert answers >= 50
    assert accuracy >= least


@pytest.mark.parametrize("digits", "123")
@pytest.mark.parametrize("run", ["target", "draft"])
def test_sums_that_are_worked_out_are_right(run, digits):
    right, of = FOUND[run]["sums"]["explain"][digits]
    assert of >= 100
    assert right / of >= (0.9 if run == "target" else 0.85)


@pytest.mark.parametrize(("run", "most"), [("target", 0.6), ("draft", 0.1)])
def test_working_first_wins_over_answering_at_once_on_equal_training(run, most):
    (right, of), (worked, _) = (FOUND[run]["sums"][kind]["3"] for kind in ("answer", "explain"))
    assert right / of < most
    assert worked / of > 0.85


# ---- the family


def test_a_run_is_trained_after_the_one_that_it_begins_with():
    assert waves(["pooled4", "target", "quick", "draft"]) == [["target", "draft"], ["pooled4", "quick"]]
    for wave, before in zip(waves(PLANS), ([], *waves(PLANS)), strict=False):
        assert {PLANS[name].start for name in wave} <= {"", *before}


def test_a_run_whose_beginning_is_nowhere_is_named_before_any_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(family, "RUNS", tmp_path)
    assert missing_starts(["pooled4", "quick", "draft"]) == ["target"]
    assert missing_starts(["pooled4", "target"]) == []
    (tmp_path / "target.safetensors").touch()
    assert missing_starts(["pooled4"]) == []


def test_the_whole_family_was_trained():
    assert set(FOUND) == set(PLANS)


@pytest.mark.parametrize("name", [name for name in PLANS if not name.startswith("scale")])
def test_the_weights_of_every_run_that_a_page_may_show_are_kept(name):
    model, shape = lm.read(RUNS / f"{name}.safetensors"), PLANS[name].shape
    experts = len(model.weights["0.router"]) if "0.router" in model.weights else 0
    assert experts == shape.get("E", 0)
    assert all(getattr(model, key) == size for key, size in shape.items() if key != "E")
    assert sum(array.size for array in model.weights.values()) == FOUND[name]["parameters"]


@pytest.mark.parametrize("h", [8, 4, 2, 1])
def test_each_number_of_key_value_heads_was_trained_from_three_seeds(h):
    runs = [FOUND[f"heads{h}-{seed}"] for seed in (1, 2, 3)]
    assert {run["plan"]["size"]["H_kv"] for run in runs} == {h}
    assert len({run["curve"][-1][2] for run in runs}) == 3, "other seeds, other losses"


def test_scaling_runs_cover_sizes_and_words_with_repeats():
    runs = [result for name, result in FOUND.items() if name.startswith("scale")]
    assert len(runs) >= 24
    assert min(run["parameters"] for run in runs) < 6000
    assert max(run["parameters"] for run in runs) > 400_000
    repeated = [run for run in runs if run["plan"]["seed"] > 1]
    assert len(repeated) >= 10


def test_more_parameters_and_more_words_lower_the_loss():
    loss = {name: report.overall(FOUND[name])[0] for name in FOUND if name.startswith("scale")}
    sizes, words = ("4k", "42k", "457k"), ("0.5M", "2M")
    for word in words:
        assert loss[f"scale{sizes[0]}-{word}-1"] > loss[f"scale{sizes[1]}-{word}-1"] > loss[f"scale{sizes[2]}-{word}-1"]
    for size in sizes:
        assert loss[f"scale{size}-0.5M-1"] > loss[f"scale{size}-1M-1"] > loss[f"scale{size}-2M-1"]


def test_the_courteous_fine_tune_learns_its_manners():
    """By the loss above the floor on its own texts, which the target never met."""
    before, *_, after = (excess for *_, excess in FOUND["courteous"]["curve"])
    assert before > 0.5
    assert after < 0.05


def test_the_quick_fine_tune_adds_three_digits_at_once_better_than_the_target():
    (before, of), (after, _) = (FOUND[run]["sums"]["answer"]["3"] for run in ("target", "quick"))
    assert after / of > before / of + 0.2


def test_an_effect_can_be_measured_again_without_pytorch():
    assert effects.copying(effects.read("target")) == report.effects()["target"]["induction"]["copying"]


@pytest.mark.parametrize("run", ["heads8-1", "heads8-2", "heads8-3"])
def test_the_effects_were_measured_over_three_seeds(run):
    effect = report.effects()[run]
    induction = effect["induction"]
    assert max(map(max, induction["scores"])) > 0.5
    assert induction["without best 4"] < induction["without the rest"] - 0.3
    assert effect["bits"]["2"] > effect["bits"]["8"] + 0.5
    assert effect["pruning"]["0.6"] > effect["pruning"]["0.2"]
    assert effect["long context"]["none"][2][1] > effect["long context"]["none"][0][1]
    (at_once, of), (worked, _) = (FOUND[run]["sums"][kind]["3"] for kind in ("answer", "explain"))
    assert at_once / of < 0.05
    assert worked / of > 0.9


def test_a_script_that_was_stopped_goes_on_and_one_that_has_ended_begins_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "ROOT", tmp_path)
    calls = []

    def work(x):
        calls.append(x)
        return x

    def script(stops=False):
        with kept.kept("script") as (done, once):
            once("a", work, 1)
            if stops:
                raise KeyboardInterrupt
            once("b", work, 2)
            return dict(done)

    with pytest.raises(KeyboardInterrupt):
        script(stops=True)
    assert script() == {"a": 1, "b": 2} and calls == [1, 2]
    assert script() == {"a": 1, "b": 2} and calls == [1, 2, 1, 2]
