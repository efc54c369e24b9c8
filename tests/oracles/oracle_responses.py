"""Responses as their docstrings put them: loops over lists of numbers, no numpy, no engine.

The engine solves one equation for each coalition; here stands the other form, one for each
superpixel: the minimum of the weighted squares plus the prior's.
"""

import math


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def transposed(rows):
    return [list(column) for column in zip(*rows, strict=True)]


def product(a, b):
    columns = transposed(b)
    return [[dot(row, column) for column in columns] for row in a]


def unit(vector):
    length = math.sqrt(dot(vector, vector))
    return [value / length for value in vector] if length else list(vector)


def solved(matrix, right):
    """Gauss's elimination with the largest pivots: the X of ``matrix X = right``."""
    n = len(matrix)
    rows = [[*map(float, a), *map(float, b)] for a, b in zip(matrix, right, strict=True)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda j: abs(rows[j][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for j in range(n):
            if j != i and rows[j][i]:
                factor = rows[j][i]
                rows[j] = [x - factor * y for x, y in zip(rows[j], rows[i], strict=True)]
    return [row[n:] for row in rows]


def kernel(side, smoothness):
    """ "The standard deviation of a Gaussian kernel" on the grid, row by row."""
    places = [(row, column) for row in range(side) for column in range(side)]

    def alike(a, b):
        if smoothness == 0:
            return 1.0 if a == b else 0.0
        squared = (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2
        return math.exp(-squared / (2 * smoothness**2))

    return [[alike(a, b) for b in places] for a in places]


def noise(coalitions, side, ridge, smoothness):
    """ "Variance of what no responses explain of a loss, by the mean variance that the prior does".

    That of a coalition's weighed loss: the sum of the covariances of its members, by their number.
    """
    alike = kernel(side, smoothness)
    variances = []
    for chosen in coalitions:
        members = [k for k, is_in in enumerate(chosen) if is_in]
        together = math.fsum(alike[a][b] for a in members for b in members)
        variances.append(together / max(1, len(members)))
    return ridge * math.fsum(variances) / len(variances)


def objective(coalitions, losses, responses, prior, side, ridge, smoothness):
    """What is to be least: weighted squares by the noise, and the prior's own."""
    variance = noise(coalitions, side, ridge, smoothness)
    total = 0.0
    for chosen, loss in zip(coalitions, losses, strict=True):
        members = [responses[k] for k, is_in in enumerate(chosen) if is_in]
        left = [value - math.fsum(m[d] for m in members) for d, value in enumerate(loss)]
        total += dot(left, left) / max(1, len(members)) / variance
    both = zip(responses, prior, strict=True)
    apart = [[x - y for x, y in zip(*pair, strict=True)] for pair in both]
    whitened = solved(kernel(side, smoothness), apart)
    return total + math.fsum(dot(a, w) for a, w in zip(apart, whitened, strict=True))


def fitted(coalitions, losses, prior, side, ridge, smoothness):
    """The responses whose `objective` is least, from its gradient: K equations."""
    variance = noise(coalitions, side, ridge, smoothness)
    superpixels, dimension = side * side, len(losses[0])
    places = range(superpixels)
    precision = solved(kernel(side, smoothness), [[float(a == b) for b in places] for a in places])
    right = product(precision, prior)
    for chosen, loss in zip(coalitions, losses, strict=True):
        members = [k for k in places if chosen[k]]
        for a in members:
            for b in members:
                precision[a][b] += 1 / len(members) / variance
            for d in range(dimension):
                right[a][d] += loss[d] / len(members) / variance
    return solved(precision, right)


def for_likeness(responses, h_r):
    """ "How much the cosine to a reference falls with each superpixel of the test"."""
    return [dot(response, h_r) for response in responses]


def for_difference(responses_t, responses_r, h_t, h_r):
    """Half the fall of the squared distance for a small part of every response hidden in both."""
    part = 1e-4
    falls = []
    for of_t, of_r in zip(responses_t, responses_r, strict=True):

        def distance(share, of_t=of_t, of_r=of_r):
            apart = [
                (t - share * x) - (r - share * y)
                for t, r, x, y in zip(h_t, h_r, of_t, of_r, strict=True)
            ]
            return dot(apart, apart)

        falls.append((distance(-part) - distance(part)) / (2 * part) / 2)
    return falls


def hidden(image, new, chosen, side):
    """The image with the chosen squares of a grid taken from `new`."""
    size = len(image)
    return [
        [
            new[y][x] if chosen[(y * side // size) * side + x * side // size] else image[y][x]
            for x in range(size)
        ]
        for y in range(size)
    ]


def lost(embed, image, new, coalitions, side):
    """What the unit embedding loses to each coalition; `embed` takes lists and gives a list."""
    whole = unit(embed(image))
    losses = []
    for chosen in coalitions:
        rest = unit(embed(hidden(image, new, chosen, side)))
        losses.append([a - b for a, b in zip(whole, rest, strict=True)])
    return losses
