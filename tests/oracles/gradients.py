"""Gradients by finite differences, and the methods that use them word by word: loops, no tape.

Networks are functions of float64 pixels; `network` is that of `support.differentiable`.
"""

import math

import numpy as np


def standardised(pixels, key):
    """What `lpel_export.conversion.standardisation` does, in float64."""
    if key == "per image":
        deviation = math.sqrt(((pixels - pixels.mean()) ** 2).mean())
        return (pixels - pixels.mean()) / max(deviation, 1 / math.sqrt(pixels.size))
    mean, scale = {"fixed": (127.5, 127.5), "unit": (0, 255), "none": (0, 1)}[key]
    return (pixels - mean) / scale


def network(pixels, colours, embedding, key, rectify, block):
    """The unit embedding and the layer ``features``."""
    values = standardised(pixels, key)
    side = len(embedding)
    features = np.zeros((side, side, colours.shape[1]))
    for y in range(side):
        for x in range(side):
            patch = values[y * block : (y + 1) * block, x * block : (x + 1) * block]
            features[y, x] = patch.mean(axis=(0, 1)) @ colours
    if rectify:
        features = np.maximum(features, 0)
    return unit(embed_features(features, embedding)), features


def embed_features(features, embedding):
    """Weigh every place and channel."""
    vector = np.zeros(embedding.shape[-1])
    for place in np.ndindex(features.shape):
        vector += features[place] * embedding[place]
    return vector


def unit(vector):
    """Scale to length 1."""
    return vector / math.sqrt(float(vector @ vector))


def differences(function, point, step):
    """Central differences of a number by every entry of an array."""
    slopes = np.zeros(point.shape)
    for place in np.ndindex(point.shape):
        above, below = point.copy(), point.copy()
        above[place] += step
        below[place] -= step
        slopes[place] = (function(above) - function(below)) / (2 * step)
    return slopes


def channel_mean(values):
    """Mean over the last axis, entry by entry."""
    rows = range(len(values))
    return np.array(
        [[sum(values[y, x]) / len(values[y, x]) for x in range(len(values[y]))] for y in rows]
    )


def sensitivity(embed, pixels, e_r, power, step=1e-3):
    """|d cos / dx| to a power, over the channels."""
    slopes = differences(lambda x: float(embed(x) @ e_r), pixels, step)
    return channel_mean(np.abs(slopes) ** power)


def xssab(embed, pixels, e_r, theta, step=1e-3):
    """Positives v_k >= theta / D and the rest, each summed and differentiated."""
    e_t = embed(pixels)
    positives = [k for k in range(len(e_r)) if e_t[k] * e_r[k] >= theta / len(e_r)]
    rest = [k for k in range(len(e_r)) if k not in positives]
    maps = []
    for chosen in (positives, rest):

        def part(x, chosen=chosen):
            e = embed(x)
            return sum(e[k] * e_r[k] for k in chosen)

        maps.append(channel_mean(np.abs(differences(part, pixels, step))))
    return maps[0] - maps[1]


def gradient_maps(embed, pixels, dimension, step=1e-3):
    """D loops: G_k, the channel-mean of |d e_k / dx| over its norm."""
    maps = []
    for k in range(dimension):
        one = channel_mean(np.abs(differences(lambda x, k=k: embed(x)[k], pixels, step)))
        maps.append(one / math.sqrt(float((one**2).sum())))
    return maps


def fggb(embed, pixels, e_r, theta):
    """S = sum of G_k (v_k - theta / D), not blurred."""
    e_t, dimension = embed(pixels), len(e_r)
    total = np.zeros(pixels.shape[:2])
    for k, one in enumerate(gradient_maps(embed, pixels, dimension)):
        total += one * (e_t[k] * e_r[k] - theta / dimension)
    return total


def blurred(values, radius, sigma):
    """A square window of a Gaussian, (2 radius + 1) wide; beyond the border, a mirror."""

    def inside(i, size):
        while not 0 <= i < size:
            i = -i if i < 0 else 2 * (size - 1) - i
        return i

    reach = range(-radius, radius + 1)
    weights = {
        (dy, dx): math.exp(-(dy**2 + dx**2) / (2 * sigma**2)) for dy in reach for dx in reach
    }
    height, width = values.shape
    result = np.zeros(values.shape)
    for y in range(height):
        for x in range(width):
            for (dy, dx), weight in weights.items():
                result[y, x] += weight * values[inside(y + dy, height), inside(x + dx, width)]
    return result / sum(weights.values())


def grad_cam(features, embedding, e_r, similar, step=1e-5):
    """ReLU of the channels weighed by the mean gradient of cos, or of minus cos, by them."""
    sign = 1 if similar else -1

    def score(values):
        return sign * float(unit(embed_features(values, embedding)) @ e_r)

    slopes = differences(score, features, step)
    height, width, channels = features.shape
    result = np.zeros((height, width))
    for k in range(channels):
        weight = sum(slopes[y, x, k] for y in range(height) for x in range(width))
        result += weight / (height * width) * features[:, :, k]
    return np.maximum(result, 0)
