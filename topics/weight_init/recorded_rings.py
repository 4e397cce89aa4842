"""When twenty layers have learnt two rings (loss below 0.3), seeds 0 to 2; None: not within 150 steps.

Recorded on 2026-11-30 by `python -m training.recorded.rings`.
"""

# {net: {first matrices: steps}}
LEARNT_AFTER = {
    "ReLU": {
        "PyTorch's nn.Linear": (124, 116, 126),
        "Xavier": (69, 67, 41),
        "He": (9, 10, 5),
        "orthogonal · √2": (11, 10, 9),
        "0.02 for all": (None, None, None),
    },
    "tanh": {
        "PyTorch's nn.Linear": (None, None, None),
        "Xavier": (16, 19, 13),
        "He": (2, 5, 2),
        "orthogonal · √2": (2, 4, 2),
        "0.02 for all": (None, None, None),
    },
    "ReLU, ε = 1e-30": {
        "PyTorch's nn.Linear": (102, 104, 49),
        "Xavier": (68, 63, 39),
        "He": (9, 10, 5),
        "orthogonal · √2": (11, 10, 9),
        "0.02 for all": (123, 132, 114),
    },
}
