"""Patches given back and landmarks swapped, pixel by pixel: lists and fractions, no engine.

An image is a list of rows of [r, g, b]; an embedder is a function from that to a list of numbers.
Heat maps have the image's size, and no two of their values are equal.
"""

import math
from fractions import Fraction
from itertools import pairwise


def cosine(a, b):
    product = sum(x * y for x, y in zip(a, b, strict=True))
    return product / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(y * y for y in b))


def least_gap_threshold(similarities, same):
    """Half-way between the two neighbours where |1 - TAR - FAR| is least, fewest errors first."""
    best = None
    for low, high in pairwise(sorted(set(similarities))):
        threshold = (low + high) / 2
        pairs = list(zip(similarities, same, strict=True))
        tar = Fraction(sum(s > threshold for s, one in pairs if one), sum(same))
        far = Fraction(sum(s > threshold for s, one in pairs if not one), len(same) - sum(same))
        key = (abs(1 - tar - far), 1 - tar + far, threshold)
        best = key if best is None else min(best, key)
    return best[2]


def given_back(image, original, places):
    copy = [[list(pixel) for pixel in row] for row in image]
    for y, x in places:
        copy[y][x] = list(original[y][x])
    return copy


def places_of(image):
    return [(y, x) for y in range(len(image)) for x in range(len(image))]


def patches_wrong(reference, original, patched, same, match_map, levels, threshold, embed):
    """xSSAB's own words: its map speaks for a match, and which end comes first is decided.

    The lowest values are given back first if the pair is judged a non-match, else the highest.
    Returns the wrong decision on the patched pair, and those at each level.
    """
    h_r = embed(reference)
    judged = cosine(h_r, embed(patched)) > threshold
    places = sorted(places_of(original), key=lambda at: match_map[at[0]][at[1]], reverse=judged)
    wrong = []
    for level in levels:
        top = math.floor(Fraction(level, 100) * len(places) + Fraction(1, 2))
        image = given_back(patched, original, places[:top])
        wrong.append((cosine(h_r, embed(image)) > threshold) != same)
    return judged != same, wrong


def twin_of(probe, donor, box, feather):
    """Blend each pixel by how deep its centre lies in the box; the crop's own edge is no edge."""
    top, left, bottom, right = box
    size = len(probe)
    twin = []
    for y, row in enumerate(probe):
        twin.append([])
        for x, pixel in enumerate(row):
            at_y, at_x = Fraction(2 * y + 1, 2 * size), Fraction(2 * x + 1, 2 * size)
            depths = [at_y - top] if top > 0 else []
            depths += [at_x - left] if left > 0 else []
            depths += [bottom - at_y] if bottom < 1 else []
            depths += [right - at_x] if right < 1 else []
            depth = min(depths)
            ramp = depth / feather if feather else math.inf * (1 if depth >= 0 else -1)
            share = min(max(ramp, 0), 1)
            blend = [p + share * (d - p) for p, d in zip(pixel, donor[y][x], strict=True)]
            twin[-1].append([round(value) for value in blend])
    return twin


def swap_game(probe, twin, heat_map, masses, rates, embed):
    """The inpainting game on one twin; the heat map speaks against the match."""
    changed = {(y, x) for y, x in places_of(probe) if probe[y][x] != twin[y][x]}
    order = sorted(places_of(probe), key=lambda at: -heat_map[at[0]][at[1]])
    outside = len(order) - len(changed)
    lowest = min(min(row) for row in heat_map)
    total = sum(heat_map[y][x] - lowest for y, x in order)
    h_probe, h_twin = embed(probe), embed(twin)

    def flipped(places):
        h = embed(given_back(twin, probe, places))
        return cosine(h, h_probe) > cosine(h, h_twin)

    flips, alarms = [], []
    for mass in masses:
        salient, held = [], Fraction(0)
        for y, x in order:
            if held >= Fraction(mass, 100) and mass < 100:
                break
            salient.append((y, x))
            held += Fraction(heat_map[y][x] - lowest, total)
        flips.append(flipped(salient))
        alarms.append(Fraction(sum(at not in changed for at in salient), outside))
    read_off = []
    for rate in rates:
        longest = max(
            k
            for k in range(len(order) + 1)
            if Fraction(sum(at not in changed for at in order[:k]), outside) <= Fraction(rate, 100)
        )
        read_off.append(flipped(order[:longest]))
    top = set(order[: len(changed)])
    iou = Fraction(len(top & changed), len(top | changed))
    return flips, alarms, read_off, iou, order[0] in changed
