"""The surrogate's network straight from its definition, one coalition at a time, in float64."""

import math

import numpy as np


def gelu(x):
    return np.array([0.5 * v * (1 + math.erf(v / math.sqrt(2))) for v in x])


def token(w, k, feature, h):
    t = feature @ w["local/kernel"] + w["local/bias"][k]
    t = t + h @ w["whole/kernel"] + w["whole/bias"]
    t = (t - t.mean()) / math.sqrt(t.var() + 1e-3)
    return gelu(t * w["normalise/gamma"] + w["normalise/beta"])


def readout(w, state):
    active = gelu(state)
    dense = gelu(active @ w["dense/kernel"] + w["dense/bias"])
    return dense @ w["deep/kernel"] + active @ w["shallow/kernel"]


def edges(side):
    """Superpixels beside each other, row by row, then those above each other."""
    beside = [(side * y + x, side * y + x + 1) for y in range(side) for x in range(side - 1)]
    return beside + [
        (side * y + x, side * (y + 1) + x) for y in range(side - 1) for x in range(side)
    ]


def masked_embedding(weights, fills, h, features, donor_h, donor_features, members, fill):
    """The embedding, shape (D,), with the superpixels `members` replaced by a fill."""
    w = {name: np.asarray(one, np.float64) for name, one in weights.items()}
    tokens = [token(w, k, feature, h) for k, feature in enumerate(features)]
    none = np.mean(tokens, axis=0) @ w["none/kernel"] + w["none/bias"]
    state = none.copy()
    for k in members:
        visible = tokens[k] @ w["visible/kernel"] + w["visible/bias"]
        if fill == fills - 1:
            other = token(w, k, donor_features[k], donor_h)
            hidden = other @ w["transplanted/kernel"][:, 0] + w["transplanted/bias"][0, k]
        else:
            hidden = tokens[k] @ w["hidden/kernel"][:, fill] + w["hidden/bias"][fill, k]
        state = state + (hidden - visible) / math.sqrt(len(features))
    for e, (one, other) in enumerate(edges(math.isqrt(len(features)))):
        if one in members and other in members:
            pair = (tokens[one] + tokens[other]) @ w["adjacent/kernel"][:, fill]
            state = state + (pair + w["adjacent/bias"][fill, e]) / math.sqrt(len(features))
    y = readout(w, state) - readout(w, none)
    of_donor = y[-1] * donor_h if fill == fills - 1 else 0
    return h - (y[:-2] + y[-2] * h) + of_donor
