"""Where the files are that demos name: weights of models, and tables. A browser has those that it has fetched."""

from pathlib import Path

DATA = Path(__file__).parents[2] / "data"


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
