"""Where the files are that demos name: weights of models, and tables. A browser has those that it has fetched."""

import json
from pathlib import Path

import numpy as np

DATA = Path(__file__).parents[2] / "data"
STORED = {"F16": np.float16, "I8": np.int8, "U8": np.uint8, "U16": np.uint16}  # safetensors' names of what we ship


def data_file(name):
    """The path of what a demo names: "target" is the weights target.safetensors, "gpt2.merges" is what it is called.

    raises FileNotFoundError where it is not: a demo that needs it has not named it
    """
    path = data_path(name)
    if not path.is_file():
        raise FileNotFoundError(f'{path.name} is not here. A demo that needs it names it: @demo("model", "{name}", …)')
    return path


def data_path(name):
    """The same, be it there or not."""
    return DATA / (name if "." in name else f"{name}.safetensors")


def tensors(path):
    """({name: array}, metadata) of a file in the format of safetensors: float16 becomes float32, bytes stay bytes."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    metadata, arrays = header.pop("__metadata__", {}), {}
    for name, entry in header.items():
        start, end = (8 + size + offset for offset in entry["data_offsets"])
        kept = np.frombuffer(raw[start:end], STORED[entry["dtype"]]).reshape(entry["shape"])
        arrays[name] = kept.astype(np.float32) if kept.dtype == np.float16 else kept
    return arrays, metadata
