"""The calculator that the pages on MQA, GQA and MLA share."""

import pytest

from topics.kit import GPUS, MODELS
from topics.kit.page.ladder import ladder
from topics.kit.real.caches import CACHED, WAYS, elements, token_bytes, users_of


def test_a_token_leaves_two_vectors_for_each_key_value_head_or_one_latent():
    assert [elements(way, H=128, D=128, H_kv=8) for way in WAYS] == [32_768, 2048, 256, 512 + 64]


@pytest.mark.parametrize(("name", "published"), [("DeepSeek-V2", 69_120), ("DeepSeek-V3", 70_272), ("GPT-3", 4_718_592),
                                                 ("Llama-2-7B", 524_288), ("Llama-3.1-8B", 131_072),
                                                 ("Qwen2.5-7B", 57_344), ("Qwen3-235B-A22B", 192_512),
                                                 ("MiniMax-M2", 253_952), ("Kimi K2", 70_272)])  # fmt: skip
def test_bytes_of_a_token_as_the_models_are(name, published):
    assert token_bytes(name) == published


@pytest.mark.parametrize("name", CACHED)
def test_each_way_takes_less_than_the_one_before_it_but_mla_lies_between_gqa_and_mqa(name):
    mha, gqa, mqa, mla = (token_bytes(name, way) for way in WAYS)
    assert mha > gqa > mla > mqa


def test_mla_takes_the_bytes_of_two_and_a_quarter_groups():
    _, _, metrics, _ = ladder("MLA", "DeepSeek-V2", 8192, "8 × H100", GPUS["8 × H100"])
    assert metrics["items"][0]["value"] == 2.25


def test_where_eight_gpus_split_the_heads_one_head_holds_no_more_users_than_eight():
    gpu = GPUS["8 × H100"]
    assert [users_of("Llama-3.1-70B", way, 8192, gpu) for way in ("GQA", "MQA")] == [203, 203]
    _, table, _, note = ladder("MQA", "Llama-3.1-70B", 32_768, "8 × H100", gpu)
    assert [row[-1] for row in table["rows"]] == [6, 50, 50, 22]
    assert "8 GPUs split the heads" in note["text"]
    assert "GPUs" not in ladder("MQA", "Llama-3.1-8B", 32_768, "H100", GPUS["H100"])[3]["text"]


@pytest.mark.parametrize("name", [name for name in MODELS if name in CACHED])
def test_users_fit_as_the_kv_cache_page_counts_them(name):
    from topics.kv_cache.demos import users_that_fit
    from topics.kv_cache.method import cache_of, weight_bytes

    _, table, _, _ = ladder("MQA", name, 2048, "H200", GPUS["H200"])
    (users,) = (row[-1] for row in table["rows"] if "as it is" in row[0])
    assert users == users_that_fit(GPUS["H200"].memory, weight_bytes(name), cache_of(name, 2048))


@pytest.mark.parametrize("name", CACHED)
def test_users_are_counted_with_all_parameters_and_none_rounded(name):
    assert CACHED[name].parameters == MODELS[name].parameters


def test_models_whose_layers_differ_have_no_ways_to_compare():
    assert not {"Gemma 4 31B", "gpt-oss-120b", "Qwen3-Next-80B-A3B", "Mistral 7B", "GLM-5"} & set(CACHED)


def test_a_model_that_does_not_fit_has_no_users():
    assert users_of("DeepSeek-V3", "MLA", 131_072, GPUS["8 × H100"]) == 0
