"""LPEL mended word by word: loops over lists of numbers, no numpy, no engine."""

import math


def features(decode, dimension):
    """What each unit vector adds to the picture of nothing: a list of images."""
    nothing = decode([0.0] * dimension)
    added = []
    for i in range(dimension):
        picture = decode([1.0 if j == i else 0.0 for j in range(dimension)])
        added.append(
            [
                [[a - b for a, b in zip(p, q, strict=True)] for p, q in zip(r, s, strict=True)]
                for r, s in zip(picture, nothing, strict=True)
            ]
        )
    return added


def divided_by_power(images):
    """Each number by the sum of its squares over the images, or by 1 % of the mean of those."""
    height, width, channels = len(images[0]), len(images[0][0]), len(images[0][0][0])
    places = [(y, x, c) for y in range(height) for x in range(width) for c in range(channels)]
    power = {(y, x, c): sum(image[y][x][c] ** 2 for image in images) for y, x, c in places}
    lowest = 0.01 * sum(power.values()) / len(power)
    return [
        [
            [[image[y][x][c] / max(power[y, x, c], lowest) for c in range(channels)]
             for x in range(width)]
            for y in range(height)
        ]
        for image in images
    ]  # fmt: skip


def slope(values, i):
    """Half the difference of both neighbours; at an end, the difference to the only one."""
    before, after = max(i - 1, 0), min(i + 1, len(values) - 1)
    return (values[after] - values[before]) / (after - before)


def detail(image):
    """Slopes down, then across, of each channel."""
    height, width, channels = len(image), len(image[0]), len(image[0][0])
    return [
        [
            [slope([image[v][x][c] for v in range(height)], y) for c in range(channels)]
            + [slope([image[y][u][c] for u in range(width)], x) for c in range(channels)]
            for x in range(width)
        ]
        for y in range(height)
    ]


def flat(image):
    return [value for row in image for pixel in row for value in pixel]


def product(a, b):
    columns = list(zip(*b, strict=True))
    return [[sum(x * y for x, y in zip(row, c, strict=True)) for c in columns] for row in a]


def inverse(matrix):
    """Gauss and Jordan, with pivots."""
    n = len(matrix)
    rows = [[*map(float, matrix[i]), *(1.0 if j == i else 0.0 for j in range(n))] for i in range(n)]
    for i in range(n):
        best = max(range(i, n), key=lambda k: abs(rows[k][i]))
        rows[i], rows[best] = rows[best], rows[i]
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for k in range(n):
            if k != i:
                factor = rows[k][i]
                rows[k] = [a - factor * b for a, b in zip(rows[k], rows[i], strict=True)]
    return [row[n:] for row in rows]


def inverse_root(matrix):
    """Denman and Beavers: what, squared, undoes a positive definite matrix."""
    n = len(matrix)
    root, undone = matrix, [[1.0 if i == j else 0.0 for j in range(n)] for i in range(n)]
    for _ in range(60):
        a, b = inverse(undone), inverse(root)
        root, undone = (
            [[(x + y) / 2 for x, y in zip(p, q, strict=True)] for p, q in zip(m, o, strict=True)]
            for m, o in ((root, a), (undone, b))
        )
    return undone


def unit(vector):
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector]


def heat_map(decode, h_r, h_t, similar):
    """Each pixel's share of the cosine, or of the squared distance, of the two embeddings."""
    images = [detail(image) for image in divided_by_power(features(decode, len(h_t)))]
    rows = [flat(image) for image in images]
    orthonormal = product(inverse_root(product(rows, list(zip(*rows, strict=True)))), rows)
    told_r, told_t = (product([unit(h)], orthonormal)[0] for h in (h_r, h_t))
    if similar:
        shares = [a * b for a, b in zip(told_t, told_r, strict=True)]
    else:
        shares = [(a - b) ** 2 for a, b in zip(told_t, told_r, strict=True)]
    height, width, channels = len(images[0]), len(images[0][0]), len(images[0][0][0])
    return [
        [sum(shares[(y * width + x) * channels :][:channels]) for x in range(width)]
        for y in range(height)
    ]
