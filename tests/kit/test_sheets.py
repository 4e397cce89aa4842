"""Sheets: a config.json is read as transformers builds it, as makers published it, and as the kit's table has it."""

import json
from math import prod
from pathlib import Path

import pytest

from topics.kit.errors import UnreadableError
from topics.kit.real import costs, rows
from topics.kit.real.models import MODELS
from topics.kit.real.sheets import table
from topics.kit.real.sheets.configs import CONFIGS
from topics.kit.real.sheets.defaults import DEFAULTS
from topics.kit.real.sheets.fields import parsed
from topics.kit.real.sheets.reader import READERS, read
from topics.kit.real.sheets.sheet import (
    cache_bytes,
    forward_flops,
    met_flops,
    parameters_of_parts,
    passed_of_parts,
    product_flops,
    prompt_met,
    training_flops,
)

pytestmark = pytest.mark.topic("model_sheet")
BUILT = json.loads((Path(__file__).parents[1] / "reference/model_sheet.json").read_text())


# ---- against transformers


@pytest.mark.parametrize("name", BUILT["configs"])
def test_every_array_s_name_shape_and_count_is_that_of_transformers(name):
    """On PyTorch's meta device, from the same file (tests/reference/model_sheet.py)."""
    each = BUILT["configs"][name]
    sheet, ours = read(each["config"]), {}
    for m in sheet.matrices:
        if m.kind != "buffer":
            of_name = ours.setdefault(m.name, {})
            shape = ",".join(map(str, m.shape))
            of_name[shape] = of_name.get(shape, 0) + m.count
    assert ours == each["arrays"]
    assert sheet.parameters == each["total"]


def test_the_stored_configs_are_those_of_the_kit():
    """All but one, of whose untied file transformers 5.24 makes a tied model."""
    stored = {name: each["config"] for name, each in BUILT["configs"].items() if name in CONFIGS}
    assert stored == {name: config for name, config in CONFIGS.items() if name != "Flan-T5 base"}
    built = {each["config"]["model_type"] for each in BUILT["configs"].values()} - {"kimi_k2"}
    assert built == set(READERS)  # of every model_type there is at least one


# ---- against what is published: parameters, and where they stand

HUB = "the total of its files on the Hugging Face Hub, in kvfit2026configs"
KERAS = "keras2026presets"
HUB_OF = "safetensors.total of the Hugging Face Hub, model {}, as quoted in several public repositories".format
PUBLISHED = {
    "BERT base": (109_482_240, KERAS),
    "BERT large": (335_141_888, KERAS),
    "GPT-2 small": (124_439_808, KERAS),
    "GPT-2 XL": (1_557_611_200, KERAS),
    "T5 small": (60_506_624, KERAS),
    "T5 base": (222_903_552, KERAS),
    "RoBERTa base": (
        124_645_632,
        "transformers' RobertaModel of FacebookAI/roberta-base, as public repositories print it",
    ),
    "Flan-T5 base": (247_577_856, KERAS),  # as T5 1.1 base
    "GPT-NeoX-20B": (20_554_567_680, "EleutherAI/gpt-neox-20b, model card"),
    "OPT-125M": (125_239_296, HUB_OF("peft-internal-testing/opt-125m, a copy")),
    "LLaMA-7B": (6_738_415_616, "lmsys/vicuna-7b, of the same shapes, printed in several repositories"),
    # Table 1 of Pythia's paper has 6,444,163,072 without embedding and output, of 50,432 words here and 4,096 numbers
    "Pythia-6.9B": (6_444_163_072 + 2 * 50_432 * 4096, "Pythia, Table 1"),
    "Llama-2-7B": (6_738_417_664 - 32 * 64, HUB),  # 64 rotary angles a layer are in the files
    "Llama-2-13B": (13_015_866_880 - 40 * 64, HUB),
    "Mistral 7B": (7_241_732_096, HUB),
    "Mixtral 8x7B": (46_702_792_704, KERAS),
    "Gemma 7B": (8_537_680_896, KERAS),
    "Phi-3-mini": (3_821_079_552, HUB),
    "DeepSeek-V2": (235_741_434_880, HUB_OF("deepseek-ai/DeepSeek-V2")),
    "Gemma 2 9B": (9_241_705_984, HUB),
    "Gemma 2 27B": (27_227_128_320, HUB),
    "Llama-3.1-8B": (8_030_261_248, HUB),
    "Llama-3.1-70B": (70_553_706_496, HUB),
    "Llama-3.1-405B": (405_853_388_800, HUB_OF("meta-llama/Llama-3.1-405B")),
    "Mistral Nemo 12B": (12_247_782_400, HUB),
    "Llama-3.2-1B": (1_235_814_400, HUB_OF("meta-llama/Llama-3.2-1B")),
    "Llama-3.2-3B": (3_212_749_824, HUB),
    "OLMoE-1B-7B": (6_919_161_856, HUB_OF("allenai/OLMoE-1B-7B-0924-Instruct")),
    "Qwen2.5-7B": (7_615_616_512, HUB),
    "Qwen2.5-72B": (72_706_203_648, HUB),
    "OLMo 2 7B": (7_298_617_344, HUB_OF("allenai/OLMo-2-1124-7B")),
    "OLMo 2 13B": (13_716_198_400, HUB_OF("allenai/OLMo-2-1124-13B")),
    "Phi-4": (14_659_507_200, HUB),
    "Phi-4-mini": (3_836_021_760, HUB),
    "Gemma 3 1B": (999_885_952, KERAS),
    "Qwen3-8B": (8_190_735_360, HUB),
    "Qwen3-30B-A3B": (30_532_122_624, HUB),
    "Qwen3-235B-A22B": (235_093_634_560, HUB),
    "SmolLM3-3B": (3_075_098_624, HUB_OF("HuggingFaceTB/SmolLM3-3B")),
    "gpt-oss-20b": (20_914_757_184, HUB),
    "gpt-oss-120b": (116_829_156_672, HUB),
    "Nemotron Nano 9B v2": (8_888_227_328, HUB),
    "Granite 4.0 H Small": (32_207_337_984, HUB),
    "Qwen3-Next-80B-A3B": (
        79_674_391_296,
        HUB_OF("Qwen/Qwen3-Coder-Next"),
    ),  # of Qwen3-Coder-Next, without the layer that guesses further
    "Qwen3.5-35B-A3B": (
        34_660_610_688,
        "Qwen3.6-35B-A3B in GGUF, of its shapes, as llama.cpp prints it: the language part",
    ),
}
STORED = {  # with numbers that are set by rule, which are in the files
    "Kimi Linear 48B-A3B": (49_122_681_728, HUB_OF("moonshotai/Kimi-Linear-48B-A3B-Instruct")),
    "DeepSeek-V3": (671_026_419_200, HUB_OF("microsoft/MAI-DS-R1, in BF16 and without further layers")),
    "GLM-4.5-Air": (106_852_251_264, HUB_OF("PrimeIntellect/INTELLECT-3, of its shapes")),
    "MiniMax-M2": (228_689_764_864, HUB_OF("MiniMaxAI/MiniMax-M2")),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_exactly_the_published_ones(name):
    assert read(CONFIGS[name]).parameters == PUBLISHED[name][0]


@pytest.mark.parametrize("name", STORED)
def test_with_what_is_set_by_rule_they_are_exactly_those_of_the_files(name):
    assert read(CONFIGS[name]).stored == STORED[name][0]


def test_a_gemma_of_keras_is_ours_with_its_smaller_vocabulary():
    assert read(CONFIGS["Gemma 3 27B"] | {"vocab_size": 262_144}).parameters == 27_009_002_240


def test_deepseek_s_active_count_is_its_maker_s_corrected_one():
    assert round(read(CONFIGS["DeepSeek-V3"]).active / 1e9, 1) == 36.6
    assert round(read(CONFIGS["gpt-oss-120b"]).active / 1e9, 2) == 5.13


# ---- against the kit's table and its costs


def test_the_kit_s_table_of_models_is_what_its_command_writes():
    """python -m topics.kit.real.sheets.table"""
    assert Path(rows.__file__).read_text() == table.text()


@pytest.mark.parametrize("name", [name for name in MODELS if name in CONFIGS])
def test_flop_and_bytes_are_those_of_the_other_pages(name):
    sheet, table = read(CONFIGS[name]), MODELS[name]
    for T in (1, 100, 5000, 200_000):
        assert cache_bytes(sheet, T) == costs.text_bytes(table, T)
        if name != "GLM-5":  # an indexer's choice is counted here alone
            assert met_flops(sheet, T) == costs.pairs_flops(table, T)
            assert sum(m.layers.n * prompt_met(m, T) for m in sheet.mixers) == costs.prompt_flops(table, T)
    positions = sum(m.numbers for m in sheet.matrices if "wpe" in m.name or "positions" in m.name)  # there counted
    assert sheet.active + positions == table.active


@pytest.mark.parametrize("name", CONFIGS)
def test_parts_add_up(name):
    sheet = read(CONFIGS[name])
    assert sum(parameters_of_parts(sheet).values()) == sheet.parameters
    assert sum(passed_of_parts(sheet).values()) == sheet.active
    vectors = sum(m.passed for m in sheet.matrices if m.kind == "vector")
    assert sum(product_flops(sheet).values()) == 2 * (sheet.active - vectors)
    assert vectors < 0.002 * sheet.active or name in ("BERT base", "OPT-125M")
    assert sheet.parameters == sum(prod(m.shape) * m.count for m in sheet.matrices if m.kind != "buffer")
    few, many = (sum(forward_flops(sheet, T).values()) for T in (100, 100_000))
    assert few <= many
    assert sum(training_flops(sheet, 1).values()) == pytest.approx(
        3 * sum(product_flops(sheet).values()) + 3 * sum(m.layers.n * prompt_met(m, 1) for m in sheet.mixers)
    )


def test_an_encoder_keeps_nothing_and_an_indexer_looks_at_all_but_mixes_some():
    assert cache_bytes(read(CONFIGS["BERT base"]), 512) == 0
    sheet = read(CONFIGS["DeepSeek-V3.2"])
    at = {T: met_flops(sheet, T) for T in (2048, 4096, 8192)}
    assert at[8192] - at[4096] == 61 * 2 * 64 * 128 * 4096  # beyond 2,048 only the indexer's scores grow
    assert at[2048] == 61 * (2 * 128 * (2 * 576 - 64) + 2 * 64 * 128) * 2048


def test_a_prompt_is_its_tokens_one_by_one():
    for name in ("Mistral 7B", "Llama-3.2-1B", "Gemma 3 1B", "Mamba-2 2.7B"):
        sheet = read(CONFIGS[name])
        for T in (1, 7, 700):
            one_by_one = sum(met_flops(sheet, t) for t in range(1, T + 1))
            assert sum(m.layers.n * prompt_met(m, T) for m in sheet.mixers) == one_by_one


# ---- files that are not as they should be


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no JSON"), ("{", "line 1"), ("[1]", "begins with {"), ('"x"', "object"), ("[" * 100_000, "too deeply"),
        ('{"model_type": 3}', "model_type"),
        ('{"model_type": "llama", "hidden_size": "4096"}', "hidden_size"),
        ('{"model_type": "llama", "hidden_size": true}', "hidden_size"),
        ('{"model_type": "llama", "hidden_size": NaN}', "hidden_size"),
        ('{"model_type": "llama", "vocab_size": -1}', "vocab_size"),
        ('{"model_type": "llama", "vocab_size": 1e400}', "vocab_size"),
        ('{"model_type": "llama", "num_hidden_layers": 1000000}', "layers"),
        ('{"model_type": "llama", "num_attention_heads": 33}', "num_attention_heads|head_dim"),
        ('{"model_type": "llama", "num_key_value_heads": 5}', "num_key_value_heads"),
        ('{"model_type": "llama", "tie_word_embeddings": "no"}', "tie_word_embeddings"),
        ('{"model_type": "gpt_oss", "layer_types": ["full_attention"]}', "layer_types"),
        ('{"model_type": "gpt_oss", "layer_types": 3}', "layer_types"),
        ('{"model_type": "mixtral", "num_experts_per_tok": 9}', "num_experts_per_tok"),
        ('{"model_type": "nemotron_h"}', "hybrid_override_pattern"),
        ('{"model_type": "gemma4_text", "num_kv_shared_layers": 20}', "num_kv_shared_layers"),
        ('{"model_type": "deepseek_v2"}', "num_experts_per_tok"),
        ('{"model_type": "something_new"}', "hidden_size and num_hidden_layers"),
        ("{}", "without model_type"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_name(text, told):
    with pytest.raises(UnreadableError, match=told):
        read(parsed(text))


LIKE = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 100, "vocab_size": 50}


def test_an_unknown_architecture_is_read_as_a_llama_and_says_so():
    sheet = read({"model_type": "something_new", **LIKE})
    assert sheet.parameters == read({"model_type": "llama", **LIKE, "num_key_value_heads": 4}).parameters
    assert "something_new" in sheet.notes[0] and "estimate" in sheet.notes[0]


@pytest.mark.parametrize("field", ["num_attention_heads", "intermediate_size", "vocab_size"])
def test_what_an_unknown_file_lacks_is_left_out_by_name_and_the_rest_is_counted(field):
    whole = read({"model_type": "something_new", **LIKE})
    less = read({"model_type": "something_new", **{k: v for k, v in LIKE.items() if k != field}})
    assert any(field in note for note in less.notes[1:])
    assert 0 < less.parameters < whole.parameters


def test_a_field_that_is_missing_is_taken_as_transformers_takes_it_and_named():
    sheet = read({"model_type": "qwen3", "hidden_size": 1024})
    assert "vocab_size = 151,936" in sheet.notes[0] and "hidden_size" not in sheet.notes[0]
    assert DEFAULTS["qwen3"]["vocab_size"] == 151_936


def test_null_key_value_heads_are_as_many_as_heads():
    config = {"model_type": "mistral", "num_key_value_heads": None}
    assert read(config).parameters == read({"model_type": "mistral", "num_key_value_heads": 32}).parameters


def test_of_a_model_that_also_sees_the_language_part_is_read_and_that_is_said():
    inner = {**CONFIGS["Gemma 3 1B"]}
    sheet = read({"model_type": "gemma3", "text_config": inner, "vision_config": {"hidden_size": 9}})
    assert sheet.parameters == read(inner).parameters
    assert "text_config" in " ".join(sheet.notes)


def test_further_layers_and_formats_are_told():
    notes = " ".join(read(CONFIGS["DeepSeek-V3"] | {"num_nextn_predict_layers": 1,
                                                    "quantization_config": {"quant_method": "fp8"}}).notes)  # fmt: skip
    assert "num_nextn_predict_layers" in notes and "fp8" in notes


def test_of_an_unknown_file_other_names_are_read_and_one_bad_part_leaves_the_rest():
    other = {"d_model": 64, "n_layers": 3, "n_heads": 4, "hidden_dim": 100, "vocab_size": 50}
    assert read({"model_type": "new", **other}).parameters == read({"model_type": "new", **LIKE}).parameters
    none = {"model_type": "new", **LIKE, "num_experts": 0}
    assert read(none).parameters == read({"model_type": "new", **LIKE}).parameters
    odd = read({"model_type": "new", **LIKE, "num_attention_heads": 5, "kv_lora_rank": 16, "mamba_d_state": 8})
    assert odd.parameters > 0 and not odd.mixers
    assert "5 heads do not divide" in odd.notes[1]
    assert "kv_lora_rank, mamba_d_state" in odd.notes[0]


def test_a_wrapper_that_is_not_known_makes_an_estimate_of_its_text_part():
    inner = {**CONFIGS["Kimi Linear 48B-A3B"], "quantization_config": {"quant_method": "mxfp4"}}
    notes = " ".join(read({"model_type": "kimi_k9", "text_config": inner}).notes)
    assert "kimi_k9" in notes and "estimate" in notes and "mxfp4" in notes
    assert read({"model_type": ["x"], "text_config": inner}).parameters > 0
    gemma = {"model_type": "gemma3", "text_config": CONFIGS["Gemma 3 1B"]}
    assert "estimate" not in " ".join(read(gemma).notes)


def test_layers_that_a_file_does_not_list_are_said_to_be_assumed():
    config = {name: value for name, value in CONFIGS["Kimi Linear 48B-A3B"].items() if name != "layer_types"}
    assert "each fourth" in " ".join(read(config).notes)
    listed = config | {"linear_attn_config": {"full_attn_layers": [4, 8, 12, 16, 20, 24, 27]}}
    assert read(listed).stored == 49_122_681_728


def test_fences_and_a_mark_at_the_beginning_are_passed_over():
    assert parsed('\ufeff{"a": 1}') == parsed('```json\n{"a": 1}\n```\n') == {"a": 1}


ODD = (None, "a", True, -1, 0, 3.7, 10**12, [], [1], [[1]], [None], ["full_attention"], {}, float("nan"))
LISTS = ("layer_types", "mlp_layer_types", "moe_layers", "indexer_types", "no_rope_layers", "mlp_only_layers",
         "hybrid_override_pattern", "layers_block_type", "linear_attn_config", "quantization_config",
         "text_config")  # fmt: skip


@pytest.mark.parametrize("kind", sorted({config["model_type"]: 0 for config in CONFIGS.values()}))
def test_no_value_of_a_field_is_a_fault_of_ours(kind):
    """It is read, or told by name."""
    config = next(config for config in CONFIGS.values() if config["model_type"] == kind)
    for name in (*config, *LISTS):
        for value in ODD:
            try:
                sheet = read({**config, name: value})
            except UnreadableError:
                continue
            assert sheet.parameters > 0 and cache_bytes(sheet, 1000) >= 0


@pytest.mark.parametrize(("name", "field", "value"), [
    ("Llama 4 Scout", "moe_layers", list(range(500))), ("Llama 4 Scout", "moe_layers", [1, 1]),
    ("Nemotron Nano 9B v2", "num_hidden_layers", 3), ("Gemma 3 27B", "sliding_window", None),
    ("GLM-5", "mlp_layer_types", ["foo"] * 78), ("Granite 4.0 H Small", "layer_types", ["foo"] * 40),
    ("DeepSeek-V3.2", "indexer_types", 3), ("Qwen3-Next-80B-A3B", "mlp_only_layers", "none"),
    ("Kimi Linear 48B-A3B", "linear_attn_config", "none"), ("Kimi Linear 48B-A3B", "routed_expert_hidden_size", 3584),
    ("gpt-oss-20b", "layer_types", ["linear_attention"] * 24), ("Qwen3-Next-80B-A3B", "layer_types", ["foo"] * 48),
])  # fmt: skip
def test_a_field_of_another_kind_is_told_by_its_name(name, field, value):
    with pytest.raises(UnreadableError, match=field):
        read({**CONFIGS[name], field: value})


def test_a_pattern_that_is_no_text_is_told_by_its_name():
    pattern = {"model_type": "nemotron_h", "hidden_size": 64, "vocab_size": 100, "hybrid_override_pattern": 5}
    with pytest.raises(UnreadableError, match="hybrid_override_pattern"):
        read(pattern)


@pytest.mark.parametrize(("more", "told"), [
    ({}, "no longest text"), ({"model_max_length": 2048}, "model_max_length"),
    ({"model_max_length": 10**30}, "no longest text"),
])  # fmt: skip
def test_what_is_known_of_the_longest_text_is_told(more, told):
    sheet = read({"model_type": "new", **LIKE, **more})
    assert sheet.context == (2048 if more.get("model_max_length") == 2048 else None)
    assert told in sheet.notes[-1]
    assert read({"model_type": "gpt2"}).context == 1024


@pytest.mark.parametrize(("field", "told"), [("peft_type", "adapter"), ("tokenizer_class", "tokenizer"),
                                             ("weight_map", "index"), ("do_sample", "generation_config")])  # fmt: skip
def test_a_file_of_another_kind_is_told_for_what_it_is(field, told):
    with pytest.raises(UnreadableError, match=told):
        read({field: "x"})


def test_a_language_part_in_a_part_is_found():
    inner = CONFIGS["Qwen3-8B"]
    sheet = read({"model_type": "omni", "thinker_config": {"text_config": inner}})
    assert sheet.parameters == 8_190_735_360 and "thinker_config.text_config" in " ".join(sheet.notes)


def test_of_a_gpt_neox_the_file_says_whether_both_parts_are_at_once():
    neox = CONFIGS["Pythia-6.9B"]
    assert "at once" in read(neox).facts["norms"]
    after = read(neox | {"use_parallel_residual": False, "rotary_pct": 1.0}).facts
    assert "at once" not in after["norms"] and "100 %" in after["positions"]
