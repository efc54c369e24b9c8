"""The regions of a face as polygons, point by point and rectangle by rectangle: no numpy."""

FACE = [(0.0, 0.3), (0.2, 0.32), (0.5, 0.37), (0.7, 0.34), (0.85, 0.28), (1.0, 0.2)]
NOSE = [(0.36, 0.04), (0.46, 0.06), (0.58, 0.13), (0.65, 0.13), (0.69, 0.08)]
MOUTH = [(0.69, 0.12), (0.72, 0.18), (0.77, 0.22), (0.82, 0.2), (0.88, 0.12)]


def polygon(half):
    """The corners (x, y) of an outline that is symmetric about the middle."""
    right = [(0.5 + width, y) for y, width in half]
    left = [(0.5 - width, y) for y, width in reversed(half)]
    return right + left


def inside(corners, x, y):
    """Whether a ray to the right crosses the polygon's sides an odd number of times."""
    crossings = 0
    for i in range(len(corners)):
        (x1, y1), (x2, y2) = corners[i - 1], corners[i]
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            crossings += 1
    return crossings % 2 == 1


def region(x, y):
    """The region of a point."""
    if not inside(polygon(FACE), x, y):
        return "elsewhere"
    if inside(polygon(NOSE), x, y):
        return "nose"
    if y > 0.88 and 0.28 < x < 0.72:
        return "chin"
    if inside(polygon(MOUTH), x, y):
        return "mouth"
    if y < 0.26:
        return "forehead"
    return "eyes" if y < 0.46 else "cheeks"


def overlap(a, b, c, d):
    """Length that [a, b] and [c, d] share."""
    return max(0.0, min(b, d) - max(a, c))


def shares(values, grid):
    """Region by region the share of the area, of what is for and of what is against."""
    area, for_, against = {}, {}, {}
    height, width = len(values), len(values[0])
    for i in range(grid):
        for j in range(grid):
            name = region((j + 0.5) / grid, (i + 0.5) / grid)
            area[name] = area.get(name, 0.0) + 1
            for y in range(i * height // grid, min(height, (i + 1) * height // grid + 1)):
                tall = overlap(i / grid, (i + 1) / grid, y / height, (y + 1) / height)
                for x in range(j * width // grid, min(width, (j + 1) * width // grid + 1)):
                    wide = overlap(j / grid, (j + 1) / grid, x / width, (x + 1) / width)
                    value = values[y][x] * tall * wide
                    where = for_ if value > 0 else against
                    where[name] = where.get(name, 0.0) + abs(value)
    totals = [sum(one.values()) for one in (area, for_, against)]
    return {
        name: tuple(
            one.get(name, 0.0) / total if total else 0.0
            for one, total in zip((area, for_, against), totals, strict=True)
        )
        for name in area
    }
