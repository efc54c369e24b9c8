"""A crop that finds things: bright squares on a dark ground, as a detector finds faces."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from lpel_serving.bundle import origin
from lpel_serving.images.crops import CutFace
from lpel_serving.images.found import Box, FoundFaces
from lpel_serving.images.resizing import resize
from lpel_serving.support.errors import NoFaceError

BRIGHT = 160
"""From here on every channel of a bright square's pixels lies; the ground is darker."""
NAME = "bright"


class BrightSquares:
    """Finds the bright parts of a picture, the largest first; of equal ones the leftmost, upper."""

    def __call__(self, pixels, shape):
        return self.take(pixels, shape).pixels

    def take(self, pixels, shape, face=0):
        boxes = sorted(_boxes((pixels >= BRIGHT).all(axis=2)), key=_from_the_largest)
        if not boxes:
            raise NoFaceError("nothing here is bright.")
        found = FoundFaces(tuple(boxes), face)
        box = found.box
        return CutFace(resize(pixels[box.top : box.bottom, box.left : box.right], shape), found)


def _from_the_largest(box: Box):
    return -(box.right - box.left) * (box.bottom - box.top), box.left, box.top


def _boxes(bright):
    """Bounding boxes of the parts that hang together."""
    left = {tuple(place) for place in np.argwhere(bright).tolist()}
    while left:
        reached = [left.pop()]
        for row, column in reached:
            beside = [(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)]
            reached += (new := [place for place in beside if place in left])
            left.difference_update(new)
        rows, columns = zip(*reached, strict=True)
        yield Box(min(columns), min(rows), max(columns) + 1, max(rows) + 1)


def square(seed: int, side: int):
    """A bright square that is like no other, uint8, shape (side, side, 3)."""
    shape = (side, side, 3)
    return np.random.default_rng(seed).integers(BRIGHT, 256, shape, dtype=np.uint8)


def photograph(*squares: tuple[int, int, int, int], size: tuple[int, int] = (60, 80)):
    """A dark picture, (height, width), with squares: seed, side, left, top."""
    picture = np.full((*size, 3), 20, np.uint8)
    for seed, side, left, top in squares:
        picture[top : top + side, left : left + side] = square(seed, side)
    return picture


LARGE, SMALL = (1, 32, 4, 6), (2, 16, 50, 20)
"""Squares of `TWO`: the smaller one is of the tiny embedder's size."""
TWO = photograph(LARGE, SMALL)
ONE = photograph((3, 16, 20, 20))
TWO_BOXES = (Box(4, 6, 36, 38), Box(50, 20, 66, 36))


def save(path: Path, picture) -> Path:
    """Write a picture as PNG, whatever its name says."""
    Image.fromarray(picture).save(path, "PNG")
    return path


def install(folder: Path, monkeypatch, names: Sequence[str] = (NAME,)) -> None:
    """Make the crop a plugin, as an installed distribution would."""
    home = folder / "bright_squares-1.0.dist-info"
    home.mkdir(parents=True)
    (home / "METADATA").write_text("Metadata-Version: 2.1\nName: bright-squares\nVersion: 1.0\n")
    lines = [f"{name} = support.bright:BrightSquares\n" for name in names]
    (home / "entry_points.txt").write_text("[lpel.crops]\n" + "".join(lines))
    monkeypatch.syspath_prepend(folder)
    # The names of crops are kept for a process' life, in which nothing is installed but here.
    monkeypatch.setattr(origin, "_plugin_name", origin._plugin_name.__wrapped__)
