"""What is usual of maps, pixel by pixel and pair by pair, straight from the definitions."""

Counts = list[list[dict[int, int]]]


def squares(labels: list[list[int]], side: int) -> Counts:
    """How many small squares of each region every pixel of a coarser map covers."""
    times = len(labels) // side
    counts: Counts = [[{} for _ in range(side)] for _ in range(side)]
    for y, row in enumerate(labels):
        for x, label in enumerate(row):
            pixel = counts[y // times][x // times]
            pixel[label] = pixel.get(label, 0) + 1
    return counts


def shares(heat_map: list[list[float]], counts: Counts, sign: int) -> list[float]:
    """The share of all that has a sign in each region."""
    sums = [0.0] * (1 + max(label for row in counts for pixel in row for label in pixel))
    for values, pixels in zip(heat_map, counts, strict=True):
        for value, pixel in zip(values, pixels, strict=True):
            for region, many in pixel.items():
                sums[region] += max(sign * value, 0.0) * many
    total = sum(sums)
    return [one / total if total else 0.0 for one in sums]


def percentile(values: list[float], q: float) -> float:
    """Between the two values that are nearest in rank, in proportion."""
    ordered = sorted(values)
    place = q / 100 * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def usual(maps: list[list[list[float]]], counts: Counts, sign: int) -> list[list[float]]:
    """Mean, 10th and 90th percentile of each region's share, over the maps that have any."""
    each = [shares(one, counts, sign) for one in maps]
    having = [one for one in each if sum(one) > 0]
    columns = [list(column) for column in zip(*having, strict=True)]
    return [[sum(c) / len(c), percentile(c, 10), percentile(c, 90)] for c in columns]


def correlation(one: list[list[float]], other: list[list[float]]) -> float:
    """Pearson's correlation of two maps over their pixels."""
    a = [value for row in one for value in row]
    b = [value for row in other for value in row]
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    product = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
    squares_a = sum((x - mean_a) ** 2 for x in a)
    squares_b = sum((y - mean_b) ** 2 for y in b)
    return product / (squares_a * squares_b) ** 0.5


def common(maps: list[list[list[float]]], people: list[list[str]]) -> float:
    """Mean correlation of the maps of any two pairs that have nobody in common."""
    found = [
        correlation(maps[i], maps[j])
        for i in range(len(maps))
        for j in range(len(maps))
        if not set(people[i]) & set(people[j])
    ]
    return sum(found) / len(found)
