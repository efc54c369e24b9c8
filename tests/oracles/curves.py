"""Section 4.2 and EMSNN word by word: loops over lists of numbers, no numpy, no engine."""

import itertools
import math

from oracles import equations


def superpixel_sums(values, superpixel):
    """ "The image is divided into a square grid, and the relevance of each square superpixel is
    estimated by summing the relevance of each pixel": row by row.
    """
    sums = []
    for top in range(0, len(values), superpixel):
        for left in range(0, len(values[0]), superpixel):
            total = 0.0
            for y in range(top, top + superpixel):
                for x in range(left, left + superpixel):
                    total += values[y][x]
            sums.append(total)
    return sums


def order(sums):
    """ "On each iteration of the method, the superpixel with the highest relevance is selected"."""
    left = list(range(len(sums)))
    chosen = []
    while left:
        best = left[0]
        for place in left:
            if sums[place] > sums[best]:
                best = place
        chosen.append(best)
        left.remove(best)
    return chosen


def replace(image, noise, place, superpixel):
    """ "The values of its pixels are replaced": a copy of the image."""
    along = len(image[0]) // superpixel
    top, left = place // along * superpixel, place % along * superpixel
    copy = [list(row) for row in image]
    for y in range(top, top + superpixel):
        for x in range(left, left + superpixel):
            copy[y][x] = noise[y][x]
    return copy


def similar_curve(embed, reference, test, noise, places, superpixel):
    """ "When assessing a pair of images of the same category, only the test image is perturbed"."""
    h_r = embed(reference)
    curve = [equations.cosine_similarity(h_r, embed(test))]
    for place in places:
        test = replace(test, noise, place, superpixel)
        curve.append(equations.cosine_similarity(h_r, embed(test)))
    return curve


def dissimilar_curve(embed, reference, test, noises, places, superpixel):
    """ "The corresponding superpixels of both images are perturbed"."""
    for_reference, for_test = noises
    curve = [equations.cosine_similarity(embed(reference), embed(test))]
    for place in places:
        reference = replace(reference, for_reference, place, superpixel)
        test = replace(test, for_test, place, superpixel)
        curve.append(equations.cosine_similarity(embed(reference), embed(test)))
    return curve


def as_a_proportion(curve):
    """Figure 5.12: "fixing the similarity value of the non-perturbed images as 1"."""
    return [value / curve[0] for value in curve]


def from_0_to_1(curve):
    """Where no proportion has a meaning: what is gained, as a share of what could be."""
    return [(value - curve[0]) / (1 - curve[0]) for value in curve]


def area(curve):
    """By trapezoids of equal widths, over 0 to 1."""
    total = 0.0
    for before, after in itertools.pairwise(curve):
        total += (before + after) / 2
    return total / (len(curve) - 1)


def closest(h_r, h_t, k):
    """The k features of the smallest distance; of equal ones the first."""
    distances = equations.feature_distance(h_r, h_t)
    left = list(range(len(distances)))
    chosen = []
    for _ in range(k):
        best = left[0]
        for place in left:
            if distances[place] < distances[best]:
                best = place
        chosen.append(best)
        left.remove(best)
    return chosen


def mean_change(decode, h_t, chosen, steps):
    """Section 5.5.3: the mean over N random steps of the change of each pixel (Eq. 4.6)."""
    x = decode(h_t)
    total = [[0.0] * len(x[0]) for _ in x]
    for step in steps:
        h_p = list(h_t)
        for place, move in zip(chosen, step, strict=True):
            h_p[place] += move
        change = equations.heat_map(x, decode(h_p))
        for y, row in enumerate(change):
            for column, value in enumerate(row):
                total[y][column] += value
    return [[value / len(steps) for value in row] for row in total]


def mean_absolute_normal(deviation, pieces=4000):
    """Mean of |z| for a normal z of mean 0, by integrating its density over +- 10 deviations."""
    if deviation == 0:
        return 0.0
    width = 20 * deviation / pieces
    total = 0.0
    for piece in range(pieces):
        z = -10 * deviation + (piece + 0.5) * width
        density = math.exp(-z * z / (2 * deviation**2)) / (deviation * math.sqrt(2 * math.pi))
        total += abs(z) * density * width
    return total


def expected_change(kernel, chosen, scale):
    """What `mean_change` tends to for ``x = h @ kernel``, kernel [feature][pixel]: per value."""
    result = []
    for value in range(len(kernel[0])):
        variance = 0.0
        for feature in chosen:
            variance += (kernel[feature][value] * scale) ** 2
        result.append(mean_absolute_normal(math.sqrt(variance)))
    return result


def prototype(embeddings):
    """Eq. 3.2: c_k = 1 / n_k * sum of h_i."""
    return [sum(h[i] for h in embeddings) / len(embeddings) for i in range(len(embeddings[0]))]
