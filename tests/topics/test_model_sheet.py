"""The claims of the page on model sheets."""

import json
import re

import numpy as np
import pytest

from builder.figure.svg import figure_svg
from topics.kit import GIB, GPUS, lm
from topics.kit.page.demo import defaults, views_of
from topics.kit.real.sheets.configs import CONFIGS
from topics.kit.real.sheets.reader import READERS, read
from topics.kit.real.sheets.sheet import cache_bytes, forward_flops, prompt_met, training_flops
from topics.model_sheet import compared, demos, drawing, house_model, method, pasted

pytestmark = pytest.mark.topic("model_sheet")


def view(demo, kind, /, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind]
    return found if len(found) > 1 else found[0]


def metric(demo, name, /, **arguments):
    return next(item["value"] for item in view(demo, "metrics", **arguments)["items"] if item["label"] == name)


# ---- the method

LLAMAS = [name for name, config in CONFIGS.items() if config["model_type"] == "llama"]


@pytest.mark.parametrize("name", LLAMAS)
def test_the_method_counts_a_llama_as_the_kit_reads_it(name):
    matrices, sheet = method.llama_matrices(CONFIGS[name]), read(CONFIGS[name])
    assert method.parameters(matrices) == sheet.parameters
    shapes = {m.name.removeprefix("model.").removesuffix(".weight"): (m.shape, m.count) for m in sheet.matrices}
    assert matrices == shapes


@pytest.mark.parametrize("name", LLAMAS)
def test_the_method_s_training_is_the_kit_s_but_for_norms(name):
    sheet = read(CONFIGS[name])
    (a,) = (m.layers for m in sheet.mixers)
    for T in (1, 100, 9000):
        norms = 6 * sum(m.numbers for m in sheet.matrices if m.kind == "vector")
        ours = method.training_flops(sheet.active, T, a.n, a.H, a.D) - norms
        assert ours == pytest.approx(sum(training_flops(sheet, T).values()), rel=1e-12)
        one = sum(forward_flops(sheet, T).values())
        assert one == 2 * sheet.active - norms / 3 + method.pairs_flops(T, a.n, a.H, a.D)


def test_the_method_s_cache_is_a_count_of_tokens():
    rng = np.random.default_rng(0)
    for _ in range(20):
        layers = [
            (int(rng.integers(1, 9)), str(rng.choice(["token", "text"])), int(rng.integers(1, 99)),
             None if rng.random() < 0.5 else int(rng.integers(1, 99)))
            for _ in range(5)
        ]  # fmt: skip
        T, slow = int(rng.integers(1, 150)), 0
        for n, kind, size, window in layers:
            if kind == "text":
                slow += n * size
            else:
                slow += sum(n * size for t in range(T) if window is None or t >= T - window)
        assert method.cache_numbers(T, layers) == slow


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [("...i,oi->...o", [(2, 3), (5, 3)]), ("...qhd,...khd->...hqk", [(4, 2, 3), (6, 2, 3)]),
     ("ab,bc->ac", [(2, 3), (3, 4)])],
)  # fmt: skip
def test_multiplications_are_counted_as_loops_would(subscripts, shapes):
    """By counting each output's terms: the ones of an einsum over arrays of ones are how many it adds."""
    terms = np.einsum(subscripts, *(np.ones(shape) for shape in shapes))
    assert method.multiplications(subscripts, shapes) == terms.sum()


def test_counting_leaves_numpy_as_it_was_also_after_a_fault():
    real = np.einsum
    with pytest.raises(ZeroDivisionError):
        method.counted_flops(lambda: 1 // 0)
    assert np.einsum is real


# ---- a real network

TEXTS = (8, 32, 64, 128)


@pytest.mark.parametrize("T", TEXTS)
@pytest.mark.parametrize("cached", [False, True])
def test_the_house_model_computes_what_its_sheet_says_to_the_last_flop(T, cached):
    badge = view(house_model.counted_while_it_runs, "badge", T=T, cached=cached)
    assert badge["value"] == 0


@pytest.mark.parametrize("T", TEXTS)
def test_backwards_is_exactly_twice_forwards(T):
    over, ratio = house_model.counted_over_six(T)
    assert ratio == 2
    assert over > 1 or T < 16


def test_other_models_of_the_family_are_counted_alike():
    for name in ("draft", "courteous"):
        model = lm.load(name)
        sheet = read(house_model.config_of(model))
        assert sheet.parameters == sum(w.size for w in model.weights.values())
        T = 20
        forward, _ = method.counted_flops(lambda model=model: lm.forward(model, np.arange(20)))
        pairs = 4 * model.L * model.H * model.D * T * T
        assert forward == T * (2 * sheet.active - 2 * (2 * model.L + 1) * model.d) + pairs


# ---- what the page says


def test_the_headline():
    assert compared.share("DeepSeek-V3", "experts") > 97
    assert 50 < compared.share("DeepSeek-V3", "experts", of="passed") < 60  # "a little more than half"
    assert compared.share("DeepSeek-V3", "scores and mixing", 131_072, "FLOP") > 96
    assert compared.share("DeepSeek-V3", "scores and mixing", 128, "FLOP") < 4  # "they vanish"


def test_in_a_small_llama_scores_and_mixing_are_the_larger_part():
    llamas = ("Llama-3.2-1B", "Llama-3.1-8B", "Llama-3.1-70B", "Llama-3.1-405B")
    at = {name: compared.over_six(name, 4096) for name in llamas}
    assert list(at.values()) == sorted(at.values(), reverse=True)
    long = {name: compared.over_six(name, 131_072) for name in compared.RULED}
    assert max(long, key=long.get) == "DeepSeek-V3" and min(long, key=long.get) == "Llama-3.1-405B"
    assert compared.over_six("DeepSeek-V3", 4096, whole=True) < 0.1


def test_norms_and_biases_are_a_thousandth_or_so():
    for name in ("Llama-3.1-8B", "DeepSeek-V3", "GPT-2 XL", "Qwen3-8B"):
        assert compared.share(name, "norms and biases", of="passed") < 0.15


def test_attention_is_no_great_part_at_4096_tokens():
    assert compared.share("Llama-3.1-70B", "scores and mixing", 4096, "FLOP") < 10


def test_gpt_oss_fits_one_h100_17_times_and_in_bf16_only_eight_gpus():
    assert metric(compared.memory, "Texts that fit") == 17
    rows = view(compared.memory, "table", kind="BF16")["rows"]
    assert {name for name, _, fits, _ in rows if fits == "yes"} == {name for name in GPUS if name.startswith("8 ×")}
    small = metric(compared.memory, "Texts that fit", name="Llama-3.1-8B", kind="BF16", gpu="RTX 4090")
    assert 1 <= small <= 9


def test_thirteen_times_as_much_is_kept():
    kept = {name: cache_bytes(read(CONFIGS[name]), 131_072) for name in ("Llama-3.1-70B", "Qwen3-Next-80B-A3B")}
    assert round(kept["Llama-3.1-70B"] / kept["Qwen3-Next-80B-A3B"]) == 13
    assert kept["Llama-3.1-70B"] == 40 * GIB


# ---- the demos


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("show", demos.SHOWN)
def test_every_model_has_a_sheet_that_is_drawn(name, show):
    found = views_of(demos.sheet, defaults(demos.sheet) | {"name": name, "show": show})
    assert [each["view"] for each in found] == ["figure", "metrics", "table", "note"]
    assert "<svg" in figure_svg(found[0])
    json.dumps(found)


@pytest.mark.parametrize("name", CONFIGS)
def test_all_kinds_of_layers_stand_in_the_drawing_once(name):
    sheet = read(CONFIGS[name])
    texts = [note["text"] for note in drawing.block(sheet, name)["layout"]["annotations"]]
    for mixer in sheet.mixers:
        words = drawing.mixer_words(mixer)[0]
        assert any(words in text.replace("<br>", " · ") for text in texts)
    if sheet.experts:
        assert any(f"{sheet.experts.k} of {sheet.experts.E} experts" in text for text in texts)
    assert all(len(line) <= 36 for text in texts for line in text.split("<br>"))  # what fits on a phone


def test_a_pasted_file_takes_the_place_of_the_choice():
    text = json.dumps(CONFIGS["Qwen3-8B"], indent=2)
    assert metric(demos.sheet, "Parameters", config=text) == 8_190_735_360
    assert "Qwen3-8B" not in view(demos.sheet, "figure", config=text)["alt"]
    assert metric(compared.memory, "Weights", config=text, kind="BF16") == 2 * 8_190_735_360 / GIB
    row = next(row for row in view(compared.side_by_side, "table", config=text)["rows"] if "parameters" in row[0])
    assert row == ["≠ parameters", 70_553_706_496, 8_190_735_360]


@pytest.mark.parametrize("demo", [demos.sheet, compared.side_by_side, compared.memory])
def test_what_cannot_be_read_is_answered_with_a_reason(demo):
    (answer,) = views_of(demo, defaults(demo) | {"config": '{"hidden_size": 3'})
    assert answer["view"] == "note" and "line 1" in answer["text"]


def test_the_longest_file_that_may_be_pasted_fits_into_a_link():
    """A fragment holds 30,000 characters (link.js); a quote, a brace or a line's end takes three, a colon five."""
    config = {**CONFIGS["Granite 4.0 H Small"], "padding": "x" * 5000}
    text = json.dumps(config, indent=1)
    assert len(text) < pasted.LIMIT
    assert len(re.sub(r"[^\w.~-]", "%20", text.replace(":", "%253A"))) < 30_000


def test_two_stacks_are_counted_together_and_beside_another_by_their_mean():
    both = metric(demos.sheet, "A token read and one written pass", name="T5 small")
    rows = {row[0].removeprefix("≠ "): row[1:] for row in view(compared.side_by_side, "table", a="T5 small")["rows"]}
    assert rows["a token passes"][0] * 2 == both == 60_506_112


def test_a_text_longer_than_a_model_s_longest_is_told():
    assert "512" in view(demos.sheet, "note", name="BERT base")["text"]
    assert "512" in view(compared.side_by_side, "note", a="BERT base")["text"]
    assert "more than" not in view(demos.sheet, "note", name="BERT base", T=512)["text"]


def test_what_attention_left_out_would_keep_is_not_known():
    text = '{"model_type": "new", "hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 9}'
    assert metric(compared.memory, "Texts that fit", config=text) == "not known"
    assert metric(demos.sheet, "Kept of the text", config=text) == "not known"
    assert metric(compared.memory, "Texts that fit", name="BERT base") == "any number"
    assert "words not in the file" in str(view(demos.sheet, "figure", config=text, show="block and matrices"))


def test_a_file_that_was_cut_is_said_to_be():
    text = json.dumps({**CONFIGS["Qwen3-8B"], "padding": "x" * pasted.LIMIT})[: pasted.LIMIT]
    assert "12,000" in view(demos.sheet, "note", config=text)["text"]


@pytest.mark.parametrize(("name", "added"), [("OLMo 2 7B", "RMSNorm"), ("Gemma 2 9B", "RMSNorm"),
                                             ("BERT base", "attention"), ("Llama-3.1-8B", "attention")])  # fmt: skip
def test_a_norm_after_a_part_stands_before_or_behind_the_sum_as_in_the_text(name, added):
    rows, _ = drawing._rows(read(CONFIGS[name]))
    assert added in next(lines[0] for ((lines, _), *_), adds in rows if adds)


def _drawn(name):
    """What stands in a layer: the first words of each box beside its neighbours, + where it adds to the stream."""
    rows, ((first, last, _), *_) = drawing._rows(read(CONFIGS[name]))
    for boxes, adds in rows[first : last + 1]:
        yield " | ".join(" ".join(lines) for lines, _ in boxes) + " +" * adds


def test_gpt_neox_s_two_parts_stand_side_by_side_and_add_once():
    norms, both = _drawn("GPT-NeoX-20B")
    assert norms == "LayerNorm | LayerNorm"
    assert "full attention" in both and " | 44 layers feed-forward 24,576 wide" in both and both.endswith(" +")


def test_a_layer_of_nemotron_is_one_of_three_things():
    norm, *things = _drawn("Nemotron Nano 9B v2")
    assert norm == "RMSNorm" and [thing.endswith("+") for thing in things] == [False, False, True]
    assert ["state space" in things[0], "or 4 layers" in things[1], "or 25 layers" in things[2]] == [True] * 3


def test_a_decoder_of_t5_adds_thrice_and_its_stream_is_not_the_encoder_s():
    rows, (encoder, decoder) = drawing._rows(read(CONFIGS["T5 small"]))
    added = [sum(adds for _, adds in rows[first : last + 1]) for first, last, _ in (encoder, decoder)]
    assert added == [2, 3]
    streams = [each for each in drawing.block(read(CONFIGS["T5 small"]), "")["data"] if each["mode"] == "lines"]
    assert len(streams) == 2 and streams[0]["y"][1] < streams[1]["y"][0]


def test_a_model_beside_itself_differs_in_nothing():
    table = view(compared.side_by_side, "table", a="T5 small", b="T5 small")
    assert table["caption"].startswith("0 of")


def test_a_prompt_of_a_pasted_llama_is_the_sum_over_its_tokens():
    sheet = read(json.loads(pasted.EXAMPLE))
    assert sheet.parameters == 6_738_415_616  # the rest is taken as transformers takes it
    (m,) = sheet.mixers
    assert prompt_met(m, 3) == 4 * 32 * 128 * (1 + 2 + 3)


def test_kinds_that_are_read_are_counted():
    assert compared.kinds_read() == len(READERS) > 40
