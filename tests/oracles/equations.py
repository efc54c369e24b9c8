"""The thesis's equations word by word: loops over lists of numbers, no numpy, no engine."""

import math


def feature_distance(h_r, h_t):
    """Eq. 4.2: d_i = |h_i^r - h_i^t|."""
    return [abs(h_r[i] - h_t[i]) for i in range(len(h_r))]


def normalised(values):
    """Eq. 4.3; where its quotient is undefined, all values being equal, 0."""
    low, high = min(values), max(values)
    if high == low:
        return [0.0] * len(values)
    return [(value - low) / (high - low) for value in values]


def relevance(h_r, h_t, similar):
    """Eq. 4.4: |1 - d_i| if the instances are similar, d_i if they are not."""
    distances = normalised(feature_distance(h_r, h_t))
    return [abs(1 - d) if similar else d for d in distances]


def perturbed(h_t, r, p):
    """Eq. 4.5: h^p = h^t + r * p."""
    return [h_t[i] + r[i] * p for i in range(len(h_t))]


def heat_map(x, x_p):
    """Eq. 4.6: D_i = |x_i - x_pi|; then the mean over the channels of each pixel."""
    rows = []
    for y in range(len(x)):
        row = []
        for column in range(len(x[y])):
            total = 0.0
            for channel in range(len(x[y][column])):
                total += abs(x[y][column][channel] - x_p[y][column][channel])
            row.append(total / len(x[y][column]))
        rows.append(row)
    return rows


def mask(heat_map, epsilon):
    """Eq. 4.7: 1 where the normalised change exceeds epsilon."""
    flat = []
    for row in heat_map:
        flat.extend(row)
    width = len(heat_map[0])
    chosen = [value > epsilon for value in normalised(flat)]
    return [chosen[start : start + width] for start in range(0, len(chosen), width)]


def cosine_similarity(h_i, h_j):
    """Eq. 5.1; 0 where it is undefined, one of the vectors being zero."""
    product = norm_i = norm_j = 0.0
    for a, b in zip(h_i, h_j, strict=True):
        product += a * b
        norm_i += a * a
        norm_j += b * b
    if norm_i == 0 or norm_j == 0:
        return 0.0
    return product / (math.sqrt(norm_i) * math.sqrt(norm_j))


def ranks(values):
    """From 1; equal values share the mean of the ranks that they take up."""
    result = []
    for value in values:
        smaller = sum(1 for other in values if other < value)
        equal = sum(1 for other in values if other == value)
        result.append(smaller + (equal + 1) / 2)
    return result


def spearman(first, second):
    """Pearson's correlation of the ranks; 0 where it is undefined, one being constant."""
    a, b = ranks(first), ranks(second)
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    covariance = variance_a = variance_b = 0.0
    for x, y in zip(a, b, strict=True):
        covariance += (x - mean_a) * (y - mean_b)
        variance_a += (x - mean_a) ** 2
        variance_b += (y - mean_b) ** 2
    if variance_a == 0 or variance_b == 0:
        return 0.0
    return covariance / math.sqrt(variance_a * variance_b)


def intersection_over_union(first, second):
    """The pixels in both masks over the pixels in either; 1 where there are none."""
    both = either = 0
    for row_a, row_b in zip(first, second, strict=True):
        for a, b in zip(row_a, row_b, strict=True):
            both += 1 if a and b else 0
            either += 1 if a or b else 0
    return both / either if either else 1.0
