"""Faithfulness correlation, from the textbook's formulas, pair by pair and number by number."""


def pearson(a: list[float], b: list[float]) -> float:
    """Pearson's correlation of two lists."""
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    product = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
    squares_a = sum((x - mean_a) ** 2 for x in a)
    squares_b = sum((y - mean_b) ** 2 for y in b)
    return product / (squares_a * squares_b) ** 0.5


def partial(a: list[float], b: list[float], given: list[float]) -> float:
    """Of a and b, what depends linearly on a third left out: the recursive formula."""
    ab, ag, bg = pearson(a, b), pearson(a, given), pearson(b, given)
    return (ab - ag * bg) / ((1 - ag**2) * (1 - bg**2)) ** 0.5


def summed(heat_map: list[list[float]], coalitions: list[list[bool]]) -> list[float]:
    """The sum of a map, of as many pixels as there are superpixels, over each coalition."""
    flat = [value for row in heat_map for value in row]
    return [sum(v for v, m in zip(flat, one, strict=True) if m) for one in coalitions]


def cosine(a: list[float], b: list[float]) -> float:
    product = sum(x * y for x, y in zip(a, b, strict=True))
    return product / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5


def hidden(image: list, new: list, coalition: list[bool]) -> list:
    """A copy of the image with the superpixels of a coalition replaced, by loops."""
    size, side = len(image), round(len(coalition) ** 0.5)
    copy = [[list(pixel) for pixel in row] for row in image]
    for y in range(size):
        for x in range(size):
            if coalition[y * side // size * side + x * side // size]:
                copy[y][x] = list(new[y][x])
    return copy
