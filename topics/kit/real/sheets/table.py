"""Writes rows.py, the kit's table of models, from their config.json: `python -m topics.kit.real.sheets.table`.

Here stands what no such file says: when it was published, and a longest text other than the file's. Sources: those of
configs.py, and radford2019, brown2020, zhang2022opt, touvron2023llama2, llama2024herd, qwen2024, jiang2023mistral and
gemma2024two in references.bib.
"""

import textwrap
from pathlib import Path

from topics.kit.real.sheets.configs import CONFIGS
from topics.kit.real.sheets.reader import read
from topics.kit.real.sheets.sheet import model_of

# of no release: a paper's shapes
GPT_3 = {"model_type": "gpt2", "n_embd": 12_288, "n_layer": 96, "n_head": 96, "n_positions": 2048, "vocab_size": 50_257}

PUBLISHED = {  # month of this version's shapes
    "GPT-2 small": "2019-02",
    "GPT-3": "2020-05",
    "OPT-13B": "2022-05",
    "Llama-2-7B": "2023-07",
    "Llama-3.1-8B": "2024-07",
    "Qwen2.5-7B": "2024-09",
    "Llama-3.1-70B": "2024-07",
    "DeepSeek-V2": "2024-05",
    "DeepSeek-V3": "2024-12",
    "Gemma 3 27B": "2025-03",
    "Llama 4 Maverick": "2025-04",  # chunks, not windows: a token sees half of 8,192 on average
    "Qwen3-235B-A22B": "2025-04",
    "Kimi K2": "2025-07",
    "gpt-oss-20b": "2025-08",
    "gpt-oss-120b": "2025-08",
    "Qwen3-Next-80B-A3B": "2025-09",
    "MiniMax-M2": "2025-10",
    "GLM-5": "2026-02",
    "Qwen3.5-35B-A3B": "2026-02",
    "Gemma 4 31B": "2026-04",  # in global layers one projection makes keys and values; norms differ, so both are cached
    "Mistral 7B": "2023-09",  # version 0.1; version 0.2 has no window
    "Gemma 2 27B": "2024-06",
}
MADE_FOR = {  # tokens, where the file has another number
    "Qwen2.5-7B": 131_072,  # with YaRN
    "DeepSeek-V2": 131_072,
    "DeepSeek-V3": 131_072,
    "Qwen3-235B-A22B": 32_768,  # without YaRN; the release of July, 2507, was made for 262,144
    "Mistral 7B": 8192,
}

HEAD = '''"""The kit's table of models, in plain numbers, as `python -m topics.kit.real.sheets.table` writes it.

A row has the fields of models.Model; its layers and experts have those of Layers and Experts, less trailing defaults.
"""

# fmt: off
ROWS = {
'''


def text():
    """What rows.py holds."""
    rows = []
    for name, dated in PUBLISHED.items():
        model = model_of(read(GPT_3 if name == "GPT-3" else CONFIGS[name]), dated)
        model = model._replace(context=MADE_FOR.get(name, model.context))
        row = textwrap.fill(_code(tuple(model))[1:-1] + ",", 110, break_on_hyphens=False)
        rows.append(f'    "{name}": (\n{textwrap.indent(row, " " * 8)}\n    ),\n')
    return HEAD + "".join(rows) + "}\n"


def _code(value):
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_code, _given(value))) + ("," if len(value) == 1 else "") + ")"
    return str(value) if value is None or isinstance(value, bool) or value < 10_000 else f"{value:_}"


def _given(fields):
    """A tuple without the defaults that it ends in."""
    given, defaults = list(fields), list(getattr(fields, "_field_defaults", {}).values())
    while defaults and given[-1] == defaults.pop():
        given.pop()
    return given


if __name__ == "__main__":
    Path(__file__).parents[1].joinpath("rows.py").write_text(text(), encoding="utf-8")
