"""Recorded on 2026-12-01 by `python -m training.recorded.structured_pruning`. Losses are nats a word above
the floor, on the 80 texts on which pages quote them."""

HOUSE_MODELS = ("target",)
HEALING = (10, 20, 40)

# nats above the floor of the whole models
WHOLE = {"target": 0.0122}

# length of the stream before each layer and behind the last
STREAM = {"target": [5.09, 103.57, 163.59, 261.78, 1810.76]}

# score: {heads dropped: {model: nats}}; of random draws all
HEADS = {
    "output size": {4: {"target": 1.0651}, 8: {"target": 4.292}, 12: {"target": 6.0044}, 16: {"target": 5.8845}},
    "size over stream": {4: {"target": 0.0471}, 8: {"target": 0.1682}, 12: {"target": 0.6053}, 16: {"target": 0.8546}},
    "weights": {4: {"target": 0.5887}, 8: {"target": 2.7142}, 12: {"target": 6.2569}, 16: {"target": 6.1082}},
    "gradient": {4: {"target": 0.4467}, 8: {"target": 0.5531}, 12: {"target": 2.9366}, 16: {"target": 4.0726}},
    "alone": {4: {"target": 0.0702}, 8: {"target": 0.1573}, 12: {"target": 0.4348}, 16: {"target": 0.9221}},
    "random": {
        4: {"target": [0.1764, 0.5305, 0.2305, 0.1687, 0.5563, 1.2952, 0.1632, 0.5443, 0.7778, 0.6898]},
        8: {
            "target": [
                1.644,
                1.1891,
                0.5651,
                1.5189,
                2.9371,
                2.9132,
                0.9492,
                2.155,
                1.9241,
                1.7862,
                0.939,
                1.367,
                1.9968,
                2.292,
                0.357,
                1.9571,
                1.5504,
                0.7886,
                0.6,
                1.3374,
            ]
        },
        12: {
            "target": [
                2.2447,
                2.9436,
                1.5378,
                2.6401,
                3.7699,
                3.1957,
                2.9224,
                2.4092,
                2.2533,
                2.7011,
                1.6038,
                2.2022,
                2.5725,
                3.5396,
                1.4938,
                2.8039,
                2.4101,
                1.2623,
                1.1443,
                2.4149,
            ]
        },
        16: {"target": [2.8527, 3.0048, 1.9413, 3.3332, 4.2989, 3.6609, 5.7578, 3.3467, 2.3656, 3.2996]},
    },
}

# score: {model: nats}, two heads of every layer
TWO_OF_EACH = {
    "output size": {"target": 0.6853},
    "size over stream": {"target": 0.7435},
    "random": {"target": [0.6726, 0.8028, 1.6256, 2.0691, 0.9954, 0.8289, 1.2829, 1.2899, 1.7182, 2.2829]},
}

# score: {model: (layers, heads)}
HEAD_SCORES = {
    "output size": {
        "target": [
            [11.9382, 11.7661, 11.9243, 14.5699, 7.4008, 12.6013, 10.7863, 12.03],
            [11.8964, 14.5874, 15.2498, 19.9857, 12.9425, 13.8252, 12.5571, 12.9685],
            [17.6125, 23.4039, 15.1867, 24.2874, 13.736, 15.9598, 18.7407, 21.2889],
            [21.2794, 30.0742, 24.1203, 25.0265, 18.8099, 13.5899, 16.0362, 28.9577],
        ]
    },
    "size over stream": {
        "target": [
            [2.4567, 2.4137, 2.4468, 3.0242, 1.4624, 2.5453, 2.1957, 2.4511],
            [0.1627, 0.2012, 0.1999, 0.2653, 0.158, 0.172, 0.1642, 0.1621],
            [0.146, 0.1967, 0.1276, 0.211, 0.1013, 0.1392, 0.169, 0.1776],
            [0.1025, 0.1351, 0.1073, 0.1117, 0.0962, 0.0683, 0.0759, 0.149],
        ]
    },
    "weights": {
        "target": [
            [167.1445, 130.4586, 155.7292, 215.9126, 96.3697, 127.2296, 134.6413, 165.4328],
            [183.8403, 215.655, 172.5298, 287.9506, 196.5233, 155.0483, 190.6896, 170.6609],
            [238.1004, 270.3042, 114.1902, 296.4489, 135.1599, 121.0279, 131.1439, 221.0786],
            [289.3336, 307.5826, 295.4542, 255.6224, 380.7616, 223.9438, 241.5518, 482.6124],
        ]
    },
    "gradient": {
        "target": [
            [0.0012, 0.0015, 0.0019, 0.0049, 0.0, 0.002, 0.0005, 0.0037],
            [0.0094, 0.0032, 0.0016, 0.0011, 0.0095, 0.0129, 0.0054, 0.0108],
            [0.0029, 0.0011, 0.0011, 0.0082, 0.002, 0.002, 0.0037, 0.0035],
            [0.0015, 0.0016, 0.0015, 0.0002, 0.0002, 0.0009, 0.0006, 0.0022],
        ]
    },
    "alone": {
        "target": [
            [0.2671, 0.34, 0.0988, 0.4258, 0.3016, 0.2042, 0.2814, 0.6074],
            [0.0535, 0.2829, 0.0227, 0.359, 0.0523, 0.0086, 0.0423, 0.0229],
            [0.0451, 0.087, 0.0197, 0.0244, 0.0029, -0.0003, -0.0021, 0.0309],
            [0.0106, -0.0011, 0.0063, 0.0035, 0.0024, 0.0028, 0.0086, 0.0541],
        ]
    },
}

# nats without a layer
LAYERS = {0: {"target": 12.31}, 1: {"target": 2.3687}, 2: {"target": 1.7378}, 3: {"target": 0.8846}}

# block influence of each layer
INFLUENCE = {"target": [0.7704, 0.2136, 0.2349, 0.5048]}

# pattern: {share away: {model: nats}}
PATTERN = {
    "anywhere in a matrix": {0.5: {"target": 0.0325}, 0.7: {"target": 1.5051}},
    "within rows": {0.5: {"target": 0.0529}, 0.7: {"target": 2.0605}},
    "within rows, Wanda": {0.5: {"target": 0.0507}, 0.7: {"target": 1.844}},
    "2:4": {0.5: {"target": 0.4053}},
    "2:4, Wanda": {0.5: {"target": 0.3486}},
}

# % of the squares that stay at half the weights
ENERGY = {
    "anywhere in a matrix": {"target": 93.71},
    "within rows": {"target": 93.0},
    "within rows, Wanda": {"target": 90.85},
    "2:4": {"target": 87.24},
    "2:4, Wanda": {"target": 84.84},
}

# % of 200 worked sums right at half the weights
WORKING = {
    "anywhere in a matrix": {"target": 66.0},
    "within rows": {"target": 37.5},
    "within rows, Wanda": {"target": 46.0},
    "2:4": {"target": 1.0},
    "2:4, Wanda": {"target": 2.5},
}

# score: {share away: {model: nats}}
NEURONS = {
    "weights": {0.25: {"target": 0.0185}, 0.5: {"target": 0.1682}, 0.75: {"target": 0.4916}},
    "output size": {0.25: {"target": 0.0419}, 0.5: {"target": 0.2404}, 0.75: {"target": 0.525}},
    "gradient": {0.25: {"target": 0.1418}, 0.5: {"target": 0.9544}, 0.75: {"target": 2.4356}},
    "random": {
        0.25: {"target": [0.6525, 0.333, 0.836]},
        0.5: {"target": [0.949, 1.6917, 1.3431]},
        0.75: {"target": [2.3378, 2.2539, 2.4478]},
    },
}

# (share away, texts, hold): {model: nats}
REPAIRED = {
    (0.25, 24, 0): {"target": 0.0167},
    (0.25, 24, 0.01): {"target": 0.0145},
    (0.25, 96, 0.01): {"target": 0.0136},
    (0.5, 24, 0): {"target": 0.3043},
    (0.5, 24, 0.01): {"target": 0.1609},
    (0.5, 96, 0.01): {"target": 0.1002},
    (0.75, 24, 0): {"target": 0.6785},
    (0.75, 24, 0.01): {"target": 0.5317},
    (0.75, 96, 0.01): {"target": 0.4308},
}

# % of worked sums, of facts
SKILLS = {
    "whole": {"target": [100.0, 100.0]},
    "half the neurons": {"target": [47.5, 66.92913385826772]},
    "healed": {"target": [50, 50]},
}

# share away: of three seeds the nats of target after (10, 20, 40) steps of 16 texts
HEALED = {
    0.5: [[0.1, 0.1, 0.1], [0.1, 0.1, 0.1], [0.1, 0.1, 0.1]],
    0.75: [[0.1, 0.1, 0.1], [0.1, 0.1, 0.1], [0.1, 0.1, 0.1]],
}
