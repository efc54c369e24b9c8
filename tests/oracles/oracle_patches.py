"""Patches of an image, cell by cell: mean colours of a superpixel and of its eight neighbours."""


def patches(image, side, cells):
    """Nested lists (pixels, pixels, 3) to (side * side) rows of 27 cells ** 2 numbers.

    In the order of the neighbours, from the upper left one; within each of its cells, row by row;
    and last of colours.
    """
    found = []
    for row in range(side):
        for column in range(side):
            patch = []
            for down in (-1, 0, 1):
                for right in (-1, 0, 1):
                    patch += superpixel(image, side, cells, row + down, column + right)
            found.append(patch)
    return found


def superpixel(image, side, cells, row, column):
    """The mean colours of the cells of a superpixel; beyond the border, of the nearest one."""
    row, column = (min(max(place, 0), side - 1) for place in (row, column))
    return [
        mean(image, side * cells, row * cells + i, column * cells + j, colour)
        for i in range(cells)
        for j in range(cells)
        for colour in range(3)
    ]


def mean(image, count, row, column, colour):
    """Over all pixels that a cell touches, of `count` cells along one side."""
    pixels = len(image)

    def touched(place):
        start, end = place * pixels / count, (place + 1) * pixels / count
        return [pixel for pixel in range(pixels) if pixel < end and pixel + 1 > start]

    rows, columns = touched(row), touched(column)
    values = [image[i][j][colour] for i in rows for j in columns]
    return sum(values) / len(values)
