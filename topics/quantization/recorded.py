"""Four house models, all matrices rounded in groups of 32 in three ways.

Made on 2026-11-30 by `python -m training.recorded.quantization`.
"""

HOUSE_MODELS = ("target",)

# (bits, way): for each model, the law moved and the loss added (nats a word, 80 texts), the mean error of outputs
ROUNDED = {
    (4, "nearest"): [(0.0029, 0.006, 0.0831)],
    (4, "GPTQ"): [(0.0021, 0.0057, 0.0478)],
    (4, "AWQ"): [(0.0027, 0.0033, 0.0789)],
    (3, "nearest"): [(0.0222, 0.0258, 0.1943)],
    (3, "GPTQ"): [(0.0165, 0.0189, 0.1155)],
    (3, "AWQ"): [(0.0208, 0.0194, 0.1851)],
    (2, "nearest"): [(3.2804, 3.2585, 0.5602)],
    (2, "GPTQ"): [(4.3263, 4.3517, 0.4344)],
    (2, "AWQ"): [(3.5509, 3.6005, 0.5333)],
}
