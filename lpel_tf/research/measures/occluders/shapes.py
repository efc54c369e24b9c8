"""Outlines of glasses, a hand, a mask and a scarf on a centred face, as plain shapes of Pillow.

Places are shares of the crop's side, from the upper left; they suit the landmarks of
`lpel_tf.research.measures.landmarks.boxes`. Each shape is drawn on a transparent picture.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from PIL import ImageDraw

Colour = tuple[int, int, int]
Points = Sequence[tuple[float, float]]
Shape = Callable[["Canvas", Colour, np.random.Generator], None]

LENSES: tuple[Colour, ...] = ((16, 16, 18), (38, 28, 22), (24, 30, 38))
MASKS: tuple[Colour, ...] = ((150, 190, 205), (232, 234, 236), (34, 34, 38))
WOOLS: tuple[Colour, ...] = ((128, 32, 38), (40, 58, 96), (62, 84, 60), (120, 112, 104))


class Canvas:
    """A picture to draw on, by shares of its side."""

    def __init__(self, draw: ImageDraw.ImageDraw, size: int) -> None:
        self._draw = draw
        self._size = size

    def polygon(self, points: Points, colour: Colour) -> None:
        """Fill a polygon."""
        self._draw.polygon(self._scaled(points), (*colour, 255))

    def line(self, points: Points, colour: Colour, width: float) -> None:
        """Draw a line with round ends and joints."""
        scaled, across = self._scaled(points), width * self._size
        self._draw.line(scaled, (*colour, 255), max(1, round(across)))
        for x, y in scaled:
            r = across / 2
            self._draw.ellipse((x - r, y - r, x + r, y + r), (*colour, 255))

    def rounded(
        self, box: tuple[float, float, float, float], colour: Colour, radius: float
    ) -> None:
        """Fill a rectangle with round corners: left, top, right, bottom."""
        left, top, right, bottom = (one * self._size for one in box)
        self._draw.rounded_rectangle(
            (left, top, right, bottom), radius * self._size, (*colour, 255)
        )

    def _scaled(self, points: Points) -> list[tuple[float, float]]:
        return [(x * self._size, y * self._size) for x, y in points]


def glasses(canvas: Canvas, skin: Colour, rng: np.random.Generator) -> None:
    """Sunglasses: two dark lenses, the bridge, and arms to the ears."""
    del skin
    lens = _one_of(LENSES, rng)
    frame = shaded(lens, 0.6)
    y = 0.39 + rng.uniform(-0.015, 0.015)
    half, tall = 0.15 + rng.uniform(-0.01, 0.02), 0.095 + rng.uniform(-0.01, 0.02)
    radius = tall * rng.uniform(0.5, 0.95)
    canvas.line([(0.0, y - 0.05), (0.2, y - 0.03)], frame, 0.03)
    canvas.line([(1.0, y - 0.05), (0.8, y - 0.03)], frame, 0.03)
    canvas.line([(0.42, y - 0.03), (0.5, y - 0.045), (0.58, y - 0.03)], frame, 0.028)
    for x in (0.32, 0.68):
        edge = (x - half - 0.012, y - tall - 0.012, x + half + 0.012, y + tall + 0.012)
        canvas.rounded(edge, frame, radius)
        canvas.rounded((x - half, y - tall, x + half, y + tall), lens, radius)
        shine = [(x - half * 0.55, y - tall * 0.35), (x - half * 0.2, y - tall * 0.6)]
        canvas.line(shine, shaded(lens, 1.0, 70), 0.014)


def hand(canvas: Canvas, skin: Colour, rng: np.random.Generator) -> None:
    """A hand over the mouth: the back of it from below, four fingers across, of the face's skin."""
    own = shaded(skin, rng.uniform(0.85, 1.0))
    edge = shaded(own, 0.68)
    left = bool(rng.integers(2))
    top = 0.66 + rng.uniform(-0.02, 0.02)

    def at(x: float, y: float) -> tuple[float, float]:
        return (1 - x if left else x, y)

    back = [at(0.62, 1.05), at(0.6, 0.8), at(0.7, 0.66), at(0.88, 0.7), at(1.02, 0.86)]
    canvas.polygon([*back, at(1.05, 1.05)], edge)
    canvas.polygon([(x, y + 0.012) for x, y in back] + [at(1.05, 1.05)], own)
    for i, length in enumerate((0.36, 0.44, 0.42, 0.34)):
        y = top + 0.085 * i
        knuckle, tip = at(0.76, y + 0.03), at(0.76 - length, y - 0.01 + 0.012 * i)
        canvas.line([knuckle, tip], edge, 0.098)
        canvas.line([knuckle, tip], own, 0.08)
        nail = at(0.76 - length + 0.002, y - 0.012 + 0.012 * i)
        canvas.line([nail, nail], shaded(own, 1.0, 22), 0.04)


def mask(canvas: Canvas, skin: Colour, rng: np.random.Generator) -> None:
    """A surgical mask over nose, mouth and chin, with pleats and strings to the ears."""
    del skin
    cloth = _one_of(MASKS, rng)
    top = 0.53 + rng.uniform(-0.02, 0.02)
    string = shaded(cloth, 0.9, 12)
    for x, edge in ((0.17, 0.0), (0.83, 1.0)):
        canvas.line([(x, top + 0.06), (edge, top - 0.1)], string, 0.014)
        canvas.line([(x, 0.84), (edge, 0.66)], string, 0.014)
    outline = [
        *((0.14, top + 0.05), (0.36, top + 0.005), (0.5, top - 0.03), (0.64, top + 0.005)),
        *((0.86, top + 0.05), (0.85, 0.8), (0.72, 0.97), (0.5, 1.02), (0.28, 0.97), (0.15, 0.8)),
    ]
    canvas.polygon(outline, cloth)
    canvas.line(outline[:5], shaded(cloth, 0.86), 0.018)
    for i in range(3):
        y, inset = top + 0.13 + 0.09 * i, 0.155 + 0.012 * i
        fold = [(inset, y), (0.5, y + 0.035), (1 - inset, y)]
        canvas.line(fold, shaded(cloth, 0.84), 0.012)
        canvas.line([(x, v + 0.014) for x, v in fold], shaded(cloth, 1.0, 14), 0.008)


def scarf(canvas: Canvas, skin: Colour, rng: np.random.Generator) -> None:
    """A woollen scarf over mouth and chin, from side to side, its folds darker and lighter."""
    del skin
    wool = _one_of(WOOLS, rng)
    top = 0.66 + rng.uniform(-0.02, 0.03)
    sag = 0.05 + rng.uniform(0, 0.02)

    def fold(height: float) -> list[tuple[float, float]]:
        places = np.linspace(-0.05, 1.05, 13)
        return [(float(x), float(height + sag * (1 - (2 * x - 1) ** 2))) for x in places]

    canvas.polygon([*fold(top), (1.05, 1.05), (-0.05, 1.05)], wool)
    for i in range(5):
        height = top + 0.02 + 0.075 * i
        canvas.line(fold(height), shaded(wool, 0.72), 0.02)
        canvas.line(fold(height - 0.022), shaded(wool, 1.12, 10), 0.014)


def shaded(colour: Colour, factor: float, more: int = 0) -> Colour:
    """A colour made darker or lighter by a factor and by a number."""
    r, g, b = (min(255, max(0, round(one * factor + more))) for one in colour)
    return (r, g, b)


def _one_of(colours: Sequence[Colour], rng: np.random.Generator) -> Colour:
    return colours[int(rng.integers(len(colours)))]


SHAPES: Mapping[str, Shape] = MappingProxyType(
    {"glasses": glasses, "hand": hand, "mask": mask, "scarf": scarf}
)
"""By name."""
