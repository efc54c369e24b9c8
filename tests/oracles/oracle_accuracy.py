"""The deletion and insertion games pixel by pixel: lists and fractions, no numpy, no engine.

An image is a list of rows of [r, g, b]; an embedder is a function from that to a list of numbers.
"""

import math
from fractions import Fraction
from itertools import pairwise


def cosine(a, b):
    product = sum(x * y for x, y in zip(a, b, strict=True))
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
    return product / lengths if lengths else 0.0


def error_rates(similarities, same, threshold):
    """Shares of impostors accepted and of genuine pairs rejected."""
    accepted = rejected = impostors = genuine = 0
    for similarity, truth in zip(similarities, same, strict=True):
        if truth:
            genuine += 1
            rejected += 0 if similarity > threshold else 1
        else:
            impostors += 1
            accepted += 1 if similarity > threshold else 0
    return Fraction(accepted, impostors), Fraction(rejected, genuine)


def equal_error_threshold(similarities, same):
    """Try half-way between every two neighbours; prefer balance, then few errors, then low."""
    values = sorted(set(similarities))
    if len(values) == 1:
        return values[0]
    best = None
    for low, high in pairwise(values):
        threshold = (low + high) / 2
        accepts, rejects = error_rates(similarities, same, threshold)
        key = (abs(accepts - rejects), accepts + rejects, threshold)
        if best is None or key < best:
            best = key
    return best[2]


def pixels_by_rank(heat_map, side):
    """Places (y, x) of the image, the highest value of the nearest map pixel first."""
    places = []
    for y in range(side):
        for x in range(side):
            row = math.floor(Fraction(y, side) * len(heat_map))
            column = math.floor(Fraction(x, side) * len(heat_map[0]))
            places.append((heat_map[row][column], y, x))
    places.sort(key=lambda place: -place[0])
    return [(y, x) for _, y, x in places]


def replaced(image, places, colour):
    """A copy in which some pixels have one colour."""
    copy = [[list(pixel) for pixel in row] for row in image]
    for y, x in places:
        copy[y][x] = list(colour)
    return copy


def mean_colour(image):
    pixels = [pixel for row in image for pixel in row]
    return [round(sum(pixel[c] for pixel in pixels) / len(pixels)) for c in range(3)]


def play(pairs, same, heat_maps, levels, colour_of, embed):
    """Whether each pair is decided rightly, by game, pair and level, and the threshold.

    `pairs` holds (reference, test); `colour_of` gives the colour that replaces a test's pixels.
    """
    clean = [cosine(embed(reference), embed(test)) for reference, test in pairs]
    threshold = equal_error_threshold(clean, same)
    games = {"deletion": [], "insertion": []}
    for (reference, test), truth, heat_map in zip(pairs, same, heat_maps, strict=True):
        side = len(test)
        order = pixels_by_rank(heat_map, side)
        h_r = embed(reference)
        for game, rows in games.items():
            row = []
            for level in levels:
                top = math.floor(Fraction(level, 100) * side * side + Fraction(1, 2))
                gone = order[:top] if game == "deletion" else order[top:]
                image = replaced(test, gone, colour_of(test))
                row.append((cosine(h_r, embed(image)) > threshold) == truth)
            rows.append(row)
    return games, threshold


def trapezoids(values, levels):
    """Area under values over levels / 100."""
    total = Fraction(0)
    for i in range(1, len(levels)):
        width = Fraction(levels[i] - levels[i - 1], 100)
        total += width * (Fraction(values[i]) + Fraction(values[i - 1])) / 2
    return total
