"""What training found, for pages to show beside what they compute: nats a word above the known floor.

Written by `python -m training.report` from training/results; not by hand.
"""

# key/value heads to the losses of models trained from scratch, one for each seed (runs heads8-1 … heads1-3)
HEADS = {
    8: [0.0423, 0.0857, 0.041],
    4: [0.0386, 0.0861, 0.0397],
    2: [0.095, 0.0414, 0.0927],
    1: [0.1038, 0.057, 0.0903],
}

# key/value heads to the loss of the target with its heads pooled, before and after 5 % of the words (pooled4 … pooled1)
POOLED = {
    4: {"before": 2.3611, "after": 0.0224},
    2: {"before": 4.361, "after": 0.1027},
    1: {"before": 6.1639, "after": 0.7422},
}
