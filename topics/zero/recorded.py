"""What clipping by each shard's own norm does to 12 steps of the house model on 4 ranks.

Made on 2026-11-30 by `python -m training.recorded.zero`.
"""

# optimiser: for seeds 0, 1, 2 the length of what was learnt, against clipping all shards together; its cosine
# with that; and how far off it is, in parts of its length
ALONE = {
    "Adam": [(0.989, 0.995, 0.098), (1.008, 0.997, 0.075), (0.99, 0.997, 0.071)],
    "SGD": [(1.423, 0.937, 0.598), (1.338, 0.954, 0.488), (1.479, 0.935, 0.648)],
}
