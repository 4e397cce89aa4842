"""Train runs of the family, one to a core, in the order of training/family.py; what begins with others' weights, last:

    python -m training.train              what is still to do, two at a time
    python -m training.train target       these

A run goes on from training/runs/<name>.pt where it was stopped, and draws the same texts again. When it is done,
training/results/<name>.json says how it went, and training/runs/<name>.safetensors has its weights in float16.
"""

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import asdict
from datetime import date
from math import cos, pi
from multiprocessing import Pool

import torch
from safetensors.torch import load_file
from torch.nn import functional

from topics.kit.model.language import HELD_OUT
from training.data import PAD, TEXTS, batches, sorted_texts, split, tensors
from training.evaluate import evaluate
from training.export import export, unflattened
from training.family import PLANS, RESULTS, RUNS, missing_starts, waves
from training.model import House, Shape

BATCH = 32  # texts to a step
LOOK = 400  # steps between two lines of the log
THREADS = int(os.environ.get("THREADS", "1"))  # to a run: two runs side by side do more than one on two cores
SAVE = 120  # seconds between checkpoints


def run(name):
    """Train a run to its end, if that is still to do, and write down how it went."""
    result = RESULTS / f"{name}.json"
    if result.is_file():
        return
    plan = PLANS[name]
    model, state = train(name, plan)
    export(model.state_dict(), model.shape, RUNS / f"{name}.safetensors")
    about = {
        "command": f"python -m training.train {name}",
        "date": date.today().isoformat(),
        "environment": {"python": platform.python_version(), "torch": torch.__version__, "threads": THREADS},
        "plan": asdict(plan) | {"size": plan.shape},
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": round(state["seconds"]),
        "steps": state["step"],
        "curve": state["curve"],  # words seen, training loss (running mean), held-out loss, that less its floor
    }
    RESULTS.mkdir(exist_ok=True)
    result.write_text(dumps(about | evaluate(model)))
    (RUNS / f"{name}.pt").unlink()


def dumps(thing):
    """JSON with a line for each key, and its value on that line."""
    return "{\n" + ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in thing.items()) + "\n}\n"


def train(name, plan):
    """The trained model and its state: words seen, steps, seconds, curve."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(plan.seed)
    RUNS.mkdir(exist_ok=True)
    grammar = TEXTS[plan.texts]
    model = House(Shape(**plan.shape))
    if plan.start:
        model.load_state_dict(pooled(unflattened(load_file(RUNS / f"{plan.start}.safetensors")), model))
    optimizers = optimizers_of(model, plan.muon)
    stream = batches(plan.seed, BATCH, grammar)
    held_out = [tensors(part) for part in split(sorted_texts(HELD_OUT, 600, grammar))]
    state = {"words": 0, "step": 0, "seconds": 0.0, "curve": [], "mean": None}
    checkpoint = RUNS / f"{name}.pt"
    if checkpoint.is_file():
        state = resume(checkpoint, model, optimizers)
        for _ in range(state["step"]):  # the texts already seen
            next(stream)
    elif plan.start:  # where a fine-tune begins
        held, floor = held_out_loss(model, held_out)
        state["curve"].append([0, *(round(x, 4) for x in (held, held, held - floor))])
    tick = saved = time.time()
    while state["words"] < plan.words:
        words, loss = step(model, optimizers, next(stream), plan.rate * schedule(state["words"] / plan.words))
        state["words"] += words
        state["step"] += 1
        state["mean"] = loss if state["mean"] is None else 0.98 * state["mean"] + 0.02 * loss
        done = state["words"] >= plan.words
        if done or state["step"] % LOOK == 0:
            held, floor = held_out_loss(model, held_out)
            state["curve"].append([state["words"], *(round(x, 4) for x in (state["mean"], held, held - floor))])
            print("{:18} {:>11,} words  training {:.4f}  held-out {:.4f}, {:.4f} above the floor".format(
                name, *state["curve"][-1]), flush=True)  # fmt: skip
        if done or time.time() - saved > SAVE:
            state["seconds"] += time.time() - tick
            tick = saved = time.time()
            save(checkpoint, model, optimizers, state)
    return model, state


def pooled(state, model):
    """A state dict whose key and value heads are averaged in groups until they fit the model (arXiv 2305.13245)."""
    s = model.shape
    for name, weight in state.items():
        if name.endswith((".k.weight", ".v.weight")):
            heads = weight.view(s.H_kv, -1, s.D, s.d)  # (H_kv, how many are pooled, D, d)
            state[name] = heads.mean(1).reshape(s.H_kv * s.D, s.d)
    return state


def save(path, model, optimizers, state):
    """A checkpoint, put in its place at once: a run that is stopped while saving keeps the last one."""
    half = path.with_suffix(".tmp")
    torch.save({"model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers], "state": state}, half)
    half.replace(path)


def resume(path, model, optimizers):
    saved = torch.load(path)
    model.load_state_dict(saved["model"])
    for optimizer, was in zip(optimizers, saved["optimizers"], strict=True):
        optimizer.load_state_dict(was)
    return saved["state"]


def optimizers_of(model, muon):
    """Muon for the layers' matrices, AdamW for the rest; AdamW for all where `muon` is false.

    Muon learns from a fraction of the words: training/README.md has the numbers.
    """
    if not muon:
        return [torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=0.0)]
    matrices = [p for p in model.layers.parameters() if p.ndim == 2]
    rest = [p for p in model.parameters() if p.ndim != 2 or p is model.embedding.weight]
    return [
        torch.optim.Muon(matrices, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def schedule(done):
    """Share of the peak rate after this share of the words: 2 % warm-up, then a cosine down to 2 %."""
    if done < 0.02:
        return max(done, 1e-4) / 0.02
    return 0.02 + 0.98 * (1 + cos(pi * (done - 0.02) / 0.98)) / 2


def step(model, optimizers, parts, rate):
    """One step on a batch; returns its words and its mean loss."""
    words = sum(int((targets != PAD).sum()) for _, targets, _ in parts)
    total = 0.0
    for part in parts:
        loss, balance = summed_loss(model, part)
        ((loss + 0.01 * balance * (part[1] != PAD).sum()) / words).backward()
        total += loss.item()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad()
    return words, total / words


def summed_loss(model, part):
    words, targets, _ = part
    logits, balance = model(words)
    return functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=PAD, reduction="sum"), balance


@torch.no_grad()
def held_out_loss(model, parts):
    """Mean loss and floor, nats a word."""
    n = sum(int((targets != PAD).sum()) for _, targets, _ in parts)
    return sum(summed_loss(model, p)[0].item() for p in parts) / n, sum(p[2].sum().item() for p in parts) / n


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train runs of the family.")
    parser.add_argument("names", nargs="*", help="runs of training/family.py; all when left out")
    parser.add_argument("--at-once", type=int, default=2)
    asked = parser.parse_args()
    unknown = set(asked.names) - PLANS.keys()
    if unknown:
        sys.exit(f"training/family.py has no run called {', '.join(sorted(unknown))}. It has {', '.join(PLANS)}.")
    names = asked.names or list(PLANS)
    if missing := missing_starts(names):
        sys.exit(f"training/runs has no weights of {', '.join(missing)}, where others begin: train it, too.")
    with Pool(asked.at_once, maxtasksperchild=1) as pool:
        for wave in waves(names):
            pool.map(run, wave, chunksize=1)  # a run that fails is told after the others of its wave
