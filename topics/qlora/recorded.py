"""Adapters trained on the house model in few bits, three seeds each.

Made on 2026-11-30 by `OPENBLAS_NUM_THREADS=1 python -m training.recorded.qlora`.
"""

# rate: of each seed the loss above the floor (nats a word, 36 courteous texts, after the colon)
# without an adapter and put back in four ways; the size of the change, root mean square; what survives
TUNED = {
    0.001: [
        {
            "none": 0.9177,
            "beside the codes": 0.0426,
            "on the 16-bit base": 0.0397,
            "into the codes": 0.8318,
            "into 16 bits, then codes": 0.0431,
            "trained on 16 bits": 0.0411,
            "size": 0.0079,
            "into the codes, survives": 0.0481,
            "into the codes, changed": 0.0011,
            "into 16 bits, then codes, survives": 0.9967,
            "into 16 bits, then codes, changed": 0.0672,
        },
        {
            "none": 0.9177,
            "beside the codes": 0.0433,
            "on the 16-bit base": 0.04,
            "into the codes": 0.8484,
            "into 16 bits, then codes": 0.0456,
            "trained on 16 bits": 0.0413,
            "size": 0.008,
            "into the codes, survives": 0.0463,
            "into the codes, changed": 0.0011,
            "into 16 bits, then codes, survives": 0.9972,
            "into 16 bits, then codes, changed": 0.068,
        },
        {
            "none": 0.9177,
            "beside the codes": 0.0418,
            "on the 16-bit base": 0.0387,
            "into the codes": 0.8317,
            "into 16 bits, then codes": 0.0434,
            "trained on 16 bits": 0.0397,
            "size": 0.0083,
            "into the codes, survives": 0.0516,
            "into the codes, changed": 0.0014,
            "into 16 bits, then codes, survives": 0.9943,
            "into 16 bits, then codes, changed": 0.07,
        },
    ],
    0.003: [
        {
            "none": 0.9177,
            "beside the codes": 0.0461,
            "on the 16-bit base": 0.0449,
            "into the codes": 0.0407,
            "into 16 bits, then codes": 0.0498,
            "trained on 16 bits": 0.0436,
            "size": 0.0145,
            "into the codes, survives": 0.2988,
            "into the codes, changed": 0.0209,
            "into 16 bits, then codes, survives": 1.0007,
            "into 16 bits, then codes, changed": 0.123,
        },
        {
            "none": 0.9177,
            "beside the codes": 0.041,
            "on the 16-bit base": 0.0405,
            "into the codes": 0.0408,
            "into 16 bits, then codes": 0.0463,
            "trained on 16 bits": 0.0394,
            "size": 0.0145,
            "into the codes, survives": 0.3002,
            "into the codes, changed": 0.0207,
            "into 16 bits, then codes, survives": 1.0021,
            "into 16 bits, then codes, changed": 0.1223,
        },
        {
            "none": 0.9177,
            "beside the codes": 0.0404,
            "on the 16-bit base": 0.0403,
            "into the codes": 0.039,
            "into 16 bits, then codes": 0.0433,
            "trained on 16 bits": 0.0394,
            "size": 0.0155,
            "into the codes, survives": 0.3351,
            "into the codes, changed": 0.0254,
            "into 16 bits, then codes, survives": 0.9996,
            "into 16 bits, then codes, changed": 0.13,
        },
    ],
    0.01: [
        {
            "none": 0.9177,
            "beside the codes": 0.0733,
            "on the 16-bit base": 0.0731,
            "into the codes": 0.064,
            "into 16 bits, then codes": 0.0694,
            "trained on 16 bits": 0.0514,
            "size": 0.0385,
            "into the codes, survives": 0.8696,
            "into the codes, changed": 0.2018,
            "into 16 bits, then codes, survives": 0.9927,
            "into 16 bits, then codes, changed": 0.2955,
        },
        {
            "none": 0.9177,
            "beside the codes": 0.0604,
            "on the 16-bit base": 0.0531,
            "into the codes": 0.0498,
            "into 16 bits, then codes": 0.0531,
            "trained on 16 bits": 0.0606,
            "size": 0.0431,
            "into the codes, survives": 0.8973,
            "into the codes, changed": 0.2265,
            "into 16 bits, then codes, survives": 0.9943,
            "into 16 bits, then codes, changed": 0.3156,
        },
        {
            "none": 0.9177,
            "beside the codes": 0.061,
            "on the 16-bit base": 0.0617,
            "into the codes": 0.058,
            "into 16 bits, then codes": 0.0622,
            "trained on 16 bits": 0.0647,
            "size": 0.0476,
            "into the codes, survives": 0.9237,
            "into the codes, changed": 0.2655,
            "into 16 bits, then codes, survives": 0.9967,
            "into 16 bits, then codes, changed": 0.3478,
        },
    ],
}

# bits: loss above the floor on all texts; 16 is the base as it is
ROUNDED = {16: 0.0237, 4: 0.0261, 3: 0.0382, 2: 2.709}

# (bits, rank): the same with an adapter after 40 steps, of each seed
REPAIRED = {
    (4, 1): [0.0294, 0.0403, 0.0933],
    (4, 4): [0.0305, 0.0356, 0.0259],
    (4, 16): [0.0326, 0.0402, 0.0319],
    (3, 1): [0.0605, 0.048, 0.0415],
    (3, 4): [0.0491, 0.0599, 0.0531],
    (3, 16): [0.0654, 0.049, 0.066],
    (2, 1): [0.8363, 1.0802, 0.8462],
    (2, 4): [0.6772, 0.7437, 0.6303],
    (2, 16): [0.6093, 0.7445, 0.5533],
}

# whether the adapter was kept in four bits: loss above the floor after 60 steps at 0.001
LEARNT = {False: [0.0593, 0.0577, 0.057], True: [0.1607, 0.1835, 0.2007]}
