"""CorrRISE and xFace as they are described: loops over lists of numbers, no numpy, no engine.

An image is a list of rows of [r, g, b]; an embedder is a function from that to a list of numbers.
"""

import math


def cosine(a, b):
    product = sum(x * y for x, y in zip(a, b, strict=True))
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
    return product / lengths if lengths else 0.0


def blackened(image, squares):
    """A copy that is black in some squares, each (top, left, side), as far as they are in it."""
    copy = [[list(pixel) for pixel in row] for row in image]
    for top, left, side in squares:
        for y in range(top, min(top + side, len(image))):
            for x in range(left, min(left + side, len(image[0]))):
                copy[y][x] = [0, 0, 0]
    return copy


# CorrRISE


def mask(squares, height, width):
    """Ones, but for some squares."""
    values = [[1] * width for _ in range(height)]
    for top, left, side in squares:
        for y in range(top, top + side):
            for x in range(left, left + side):
                values[y][x] = 0
    return values


def ranks(values):
    """The place of each from 1 in rising order; equal ones take the mean of their places."""
    return [
        sum(1 for other in values if other < value)
        + (1 + sum(1 for other in values if other == value)) / 2
        for value in values
    ]


def pearson(a, b):
    """Pearson's correlation; 0 where it is undefined."""
    if len(set(a)) == 1 or len(set(b)) == 1:
        return 0.0
    mean_a, mean_b = math.fsum(a) / len(a), math.fsum(b) / len(b)
    together = math.fsum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
    alone = (math.fsum((x - m) ** 2 for x in s) for s, m in ((a, mean_a), (b, mean_b)))
    return together / math.sqrt(math.prod(alone))


def corrrise(embed, test, h_r, masks, ranked):
    """`masks` lists the squares of each; the map and the similarities."""
    similarities = [cosine(embed(blackened(test, squares)), h_r) for squares in masks]
    return correlations(masks, similarities, len(test), len(test[0]), ranked), similarities


def correlations(masks, similarities, height, width, ranked):
    """ "Per pixel, correlation over i between M_i(x,y) and s_i"."""
    drawn = [mask(squares, height, width) for squares in masks]
    compared = ranks(similarities) if ranked else similarities
    return [
        [pearson([one[y][x] for one in drawn], compared) for x in range(width)]
        for y in range(height)
    ]


# xFace


def nearest(value):
    return math.floor(value + 0.5)


def origins(side, patch, stride):
    """ "0, 5, ... below 112 - P", taken to an image of another side."""
    places = []
    at = 0
    while at < 112 - patch:
        place = at * side // 112
        if place not in places:
            places.append(place)
        at += stride
    return places


def blur(values):
    """ "Gaussian 5x5, sigma = 5" at 112; beyond the edge the image is mirrored."""
    side = len(values)
    radius, deviation = nearest(2 * side / 112), 5 * side / 112
    steps = range(-radius, radius + 1)
    kernel = {(i, j): math.exp(-(i * i + j * j) / (2 * deviation**2)) for i in steps for j in steps}
    total = sum(kernel.values())

    def mirrored(place):
        return -place if place < 0 else 2 * (side - 1) - place if place >= side else place

    return [
        [
            sum(w * values[mirrored(y + i)][mirrored(x + j)] for (i, j), w in kernel.items())
            / total
            for x in range(side)
        ]
        for y in range(side)
    ]


def xface(embed, test, reference, patches, stride, variant):
    """The map of the test image; positive supports similarity."""
    side = len(test)
    h_t, h_r = embed(test), embed(reference)
    d0 = 1 - cosine(h_t, h_r)
    averaged = [[0.0] * side for _ in range(side)]
    for at_112 in patches:
        patch = max(1, nearest(at_112 * side / 112))
        along = origins(side, at_112, stride)
        squares = [(top, left, patch + 1) for top in along for left in along]
        own = [embed(blackened(test, [square])) for square in squares]
        others = [embed(blackened(reference, [square])) for square in squares]
        for i, (top, left, wide) in enumerate(squares):
            if variant == 1:
                distances = [1 - cosine(own[i], other) for other in others]
            elif variant == 2:
                distances = [1 - cosine(own[i], h_r)]
            else:
                distances = [1 - cosine(own[i], others[i])]
            deviation = (sum(distances) / len(distances) - d0) / patch**2
            for y in range(top, min(top + wide, side)):
                for x in range(left, min(left + wide, side)):
                    averaged[y][x] += deviation / len(squares) / len(patches)
    blurred = blur(averaged)
    largest = max(abs(value) for row in blurred for value in row)
    return [[value / largest if largest else 0.0 for value in row] for row in blurred]
