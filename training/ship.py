"""Put trained models on the site:  python -m training.ship target draft

Copies their float16 weights to topics/data, and writes tests/reference/<name>.npz: words, and the logits that PyTorch
gives for them with the same weights, which the kit's numpy must reproduce. With --logits, only the latter, for runs
that no page runs yet.
"""

import argparse
from pathlib import Path
from shutil import copyfile

import numpy as np
import torch
from safetensors.torch import load_file

from topics.kit.model.language import HELD_OUT, write
from training.data import tensors
from training.export import unflattened
from training.family import PLANS, RUNS
from training.model import House, Shape

ROOT = Path(__file__).parent.parent
TEXTS = 3


def ship(name):
    weights = ROOT / f"topics/data/{name}.safetensors"
    weights.parent.mkdir(exist_ok=True)
    copyfile(RUNS / f"{name}.safetensors", weights)
    print(f"{weights.name}: {weights.stat().st_size:,} bytes")


def keep_logits(name):
    model = House(Shape(**PLANS[name].shape))
    model.load_state_dict(unflattened(load_file(RUNS / f"{name}.safetensors")))
    words, _, _ = tensors([write(HELD_OUT + 5_000_000 + i) for i in range(TEXTS)])
    with torch.no_grad():
        logits, _ = model(words)
    reference = ROOT / f"tests/reference/{name}.npz"
    reference.parent.mkdir(exist_ok=True)
    np.savez_compressed(reference, words=words.numpy(), logits=logits.numpy())
    print(f"{reference.name}: {reference.stat().st_size:,} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Put trained models where pages and tests find them.")
    parser.add_argument("names", nargs="+", help="runs of training/family.py")
    parser.add_argument("--logits", action="store_true", help="only the logits that tests compare with")
    asked = parser.parse_args()
    for each in asked.names:
        if not asked.logits:
            ship(each)
        keep_logits(each)
