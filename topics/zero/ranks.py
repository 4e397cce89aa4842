"""N ranks that train the house model for one step, layer by layer: who holds what, and what is sent.

A unit is what is gathered together: a layer, or embedding and last norm, which stand at both ends of a pass.
"""

import numpy as np

from topics.kit import lm
from topics.kit.model.autograd import Tensor, cross_entropy, gradients
from topics.kit.model.collectives import all_gather, all_reduce, pieces_of
from topics.kit.model.optimizers import adamw_step
from topics.zero.method import scattered_mean, sharded_adam_step

RATE = 1e-3


class Ranks:
    """What N ranks hold of a model at a stage. Where all hold the same, one array stands for all.

    full     [unit] (n,) weights that every rank has: None at stage 3, but while a unit is gathered
    shards   [unit][r] rank r's weights        moments  [unit][r] its moments; at stage 0 of all weights, [unit][0]
    whole    [unit][r] (n,) a rank's gradients that are still whole      parts  [unit][r] those that are scattered
    sent     (N,) bytes that each rank has sent
    """

    def __init__(self, model, N, stage):
        self.model, self.N, self.stage = model, N, stage
        layers = [[name for name in model.weights if name.startswith(f"{i}.")] for i in range(model.L)]
        self.units = [*layers, ["embedding", "norm"]]
        self.full = [self.flat(model.weights, unit) for unit in range(len(self.units))]
        self.shards = [pieces_of(vector, N) for vector in self.full]
        moved = self.shards if stage else [[vector] for vector in self.full]
        self.moments = [[(np.zeros_like(w), np.zeros_like(w), 0) for w in each] for each in moved]
        self.whole, self.parts, self.sent = {}, {}, np.zeros(N, int)
        if stage == 3:
            self.full = [None] * len(self.units)

    def flat(self, arrays, unit):
        """A unit's arrays in one vector (n,)."""
        return np.concatenate([np.ravel(arrays[name]) for name in self.units[unit]])

    def arrays(self, vector, unit):
        """A unit's vector as the arrays that it holds: {name: array}."""
        like, names = self.model.weights, self.units[unit]
        ends = np.cumsum([like[name].size for name in names])[:-1]
        return {name: x.reshape(like[name].shape) for name, x in zip(names, np.split(vector, ends), strict=True)}

    def fetch(self, unit):
        """A unit's weights: at stage 3 by an all-gather, unless they are still there."""
        if self.full[unit] is None:
            everywhere, sent = all_gather(self.shards[unit])
            self.full[unit], self.sent = everywhere[0], self.sent + sent
        return self.arrays(self.full[unit], unit)

    def free(self, unit):
        """Let go of a unit's gathered weights, and of gradients that have been scattered."""
        if self.stage == 3:
            self.full[unit] = None
        if unit in self.parts:
            self.whole.pop(unit, None)

    def give(self, unit, grads):
        """Take all ranks' gradients of a unit, [r] {name: array}; from stage 2 on they are scattered at once."""
        self.whole[unit] = [self.flat(g, unit) for g in grads]
        if self.stage >= 2:
            self.scatter(unit)

    def scatter(self, unit):
        self.parts[unit], sent = scattered_mean(self.whole[unit])
        self.sent = self.sent + sent

    def step(self, unit):
        """Adam moves a unit's weights, and all ranks have them where they are not kept in shards."""
        if self.stage == 0:
            sums, sent = all_reduce(self.whole.pop(unit))
            moved, state = adamw_step(self.full[unit], sums[0] / self.N, self.moments[unit][0], RATE)
            self.full[unit], self.moments[unit], self.sent = moved, [state], self.sent + sent
            return
        if self.stage == 1:
            self.scatter(unit)
            self.whole.pop(unit)
        moved = sharded_adam_step(self.shards[unit], self.moments[unit], self.parts.pop(unit), RATE)
        self.shards[unit], self.moments[unit] = moved
        self.full[unit] = None
        if self.stage < 3:
            self.fetch(unit)

    def held(self):
        """Bytes that rank 0 holds, {kind: bytes}."""
        shards = self.shards if self.stage == 3 else []
        weights = [each[0] for each in shards] + [vector for vector in self.full if vector is not None]
        grads = [each[0] for each in (*self.whole.values(), *self.parts.values())]
        moments = [x for unit in self.moments for x in unit[0][:2]]
        kinds = {"parameters": weights, "gradients": grads, "optimiser": moments}
        return {kind: sum(x.nbytes for x in each) for kind, each in kinds.items()}

    def weights(self):
        """All weights as they are now, {name: array}."""
        found = {}
        for unit, shards in enumerate(self.shards):
            found |= self.arrays(np.concatenate(shards) if self.stage == 3 else self.full[unit], unit)
        return found


def sharded_step(model, batches, stage):
    """One step: a generator of moments (what happens, bytes that rank 0 holds), and at last of the Ranks.

    batches  [r] (words, targets, which count, weight of the rank's loss)

    The ranks compute in turn here. A pass keeps each layer's input only, from which the layer is computed again on the
    way back, as with activation checkpointing; these inputs are not counted.
    """
    ranks, root = Ranks(model, len(batches), stage), model.L
    yield "before", ranks.held()
    base = ranks.fetch(root)  # stays until the pass is over
    x, inputs = [base["embedding"][words] for words, *_ in batches], []  # x [r] (texts, T, d)
    for i in range(model.L):
        w = ranks.fetch(i)
        inputs.append(x)
        x = [layer(model, i, tensors(w), Tensor(each)).value for each in x]  # as on the way back, bit by bit
        yield f"layer {i + 1} forwards", ranks.held()
        ranks.free(i)
    head = [head_gradients(base, each, batch) for each, batch in zip(x, batches, strict=True)]
    back = [g["x"] for g in head]
    for i in reversed(range(model.L)):
        w = ranks.fetch(i)
        grads = [layer_gradients(model, i, w, each, g) for each, g in zip(inputs[i], back, strict=True)]
        back = [g["x"] for g in grads]
        ranks.give(i, grads)
        yield f"layer {i + 1} backwards", ranks.held()
        ranks.free(i)
    for (words, *_), g, found in zip(batches, back, head, strict=True):
        read = np.zeros_like(base["embedding"])
        np.add.at(read, words, g)
        found["embedding"] = found["embedding"] + read
    ranks.give(root, head)
    yield "embedding backwards", ranks.held()
    ranks.free(root)
    for unit in range(root + 1):
        ranks.step(unit)
    yield "after the step", ranks.held()
    yield ranks


def layer(model, i, w, x):
    """Layer i of lm.forward by itself: x (texts, T, d) to (texts, T, d)."""
    of, T = model.with_weights(w), np.shape(x)[-2]
    positions = np.arange(T)
    turns = lm.rotation(positions, lm.rope_frequencies(model.D, model.base))
    mask = positions <= positions[:, None]  # (T, T)
    x = x + lm.attention(of, i, lm.rms_norm(x, w[f"{i}.attention_norm"]), turns, mask, None, lm.see_all)
    return x + lm.feed_forward(of, i, lm.rms_norm(x, w[f"{i}.feed_norm"]), lm.see_all)


def layer_gradients(model, i, w, x, g):
    """Of layer i with input x and the gradient g of its output: the gradients by its weights, and "x" by its input."""
    weights, x = tensors(w), Tensor(x)
    out = layer(model, i, weights, x)
    found = gradients(np.sum(out * g), [*weights.values(), x])
    return dict(zip([*weights, "x"], found, strict=True))


def head_gradients(w, x, batch):
    """The gradients of a rank's loss by embedding and norm at the output, and "x" by the last layer's output."""
    _, targets, real, share = batch
    weights, x = tensors(w), Tensor(x)
    logits = lm.linear(lm.rms_norm(x, weights["norm"]), weights["embedding"])
    found = gradients(cross_entropy(logits, targets, real) * share, [*weights.values(), x])
    return dict(zip([*weights, "x"], found, strict=True))


def tensors(w):
    """Weights that remember what was computed from them."""
    return {name: Tensor(each) for name, each in w.items()}
