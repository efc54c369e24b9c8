"""Pictures that show no face, of six kinds, drawn from a generator; uint8, shape (160, 160, 3)."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = 160
_CANVAS = 320
_WORDS = ("the", "of", "in", "is", "which", "for", "it", "as", "with", "not", "their", "would")


def noise(rng: np.random.Generator) -> np.ndarray:
    """Noise, coarse or fine, in colours or in grey."""
    side = int(rng.choice([5, 10, 20, 40, 80, SIZE]))
    values = rng.integers(0, 256, (side, side, int(rng.choice([1, 3]))), dtype=np.uint8)
    return _sized(Image.fromarray(np.broadcast_to(values, (side, side, 3)).copy()))


def surface(rng: np.random.Generator) -> np.ndarray:
    """One colour, or a gradient between two."""
    first, last = np.array(_colour(rng)), np.array(_colour(rng))
    if rng.random() < 0.3:
        last = first
    place = np.linspace(0, 1, SIZE)[:, np.newaxis]
    strip = (first + (last - first) * place).round().astype(np.uint8)[:, np.newaxis]
    picture = np.repeat(strip, SIZE, axis=1)
    return picture if rng.random() < 0.5 else np.ascontiguousarray(picture.swapaxes(0, 1))


def landscape(rng: np.random.Generator) -> np.ndarray:
    """A sky with a sun, hills, trees, sometimes a house."""
    image, draw = _blank((255, 255, 255))
    top = np.array([rng.integers(60, 180), rng.integers(120, 220), rng.integers(200, 256)])
    for y in range(_CANVAS):
        draw.line([(0, y), (_CANVAS, y)], fill=_whole(top + (235 - top) * y / _CANVAS))
    if rng.random() < 0.7:
        _disc(draw, rng.integers(30, 290), rng.integers(30, 110), rng.integers(12, 35), "#ffe28a")
    for depth in range(int(rng.integers(1, 4))):
        phases, heights = rng.uniform(0, 6, 3), rng.uniform(5, 40, 3)
        across = np.arange(0, _CANVAS + 1, 4)
        waves = np.sin(across[:, np.newaxis] / 107 * (1, 2, 3) + phases) @ heights
        ridge = 160 + 35 * depth + waves
        points = [(0, _CANVAS), *zip(across.tolist(), ridge.tolist(), strict=True)]
        draw.polygon(
            [*points, (_CANVAS, _CANVAS)], fill=_colour(rng, (20, 90, 20), (120, 190, 100))
        )
    for _ in range(int(rng.integers(0, 6))):
        x, y, size = rng.integers(10, 310), rng.integers(200, 300), rng.integers(15, 45)
        draw.rectangle(_whole([x - size / 8, y - size / 2, x + size / 8, y + size / 2]), "#5a3c1e")
        _disc(draw, x, y - size * 0.8, size * 0.5, _colour(rng, (20, 80, 20), (60, 140, 60)))
    if rng.random() < 0.3:
        x, y = int(rng.integers(40, 220)), int(rng.integers(180, 240))
        draw.rectangle([x, y, x + 60, y + 45], fill=_colour(rng))
        draw.polygon([(x - 8, y), (x + 68, y), (x + 30, y - 35)], fill=(150, 40, 30))
    return _sized(image)


def page_of_text(rng: np.random.Generator) -> np.ndarray:
    """Lines of words, dark on light."""
    image, draw = _blank(_colour(rng, (215, 215, 215), (256, 256, 256)))
    size = int(rng.integers(9, 27))
    font, ink = ImageFont.load_default(size), _colour(rng, (0, 0, 0), (90, 90, 90))
    y, spacing = float(rng.integers(0, 30)), size * rng.uniform(1.2, 1.5)
    while y < _CANVAS:
        draw.text((int(rng.integers(0, 6)), int(y)), " ".join(rng.choice(_WORDS, 14)), ink, font)
        y += spacing * (2 if rng.random() < 0.1 else 1)
    return _sized(image)


def garment(rng: np.random.Generator) -> np.ndarray:
    """A shirt, trousers or a dress on a plain ground."""
    image, draw = _blank(_colour(rng, (180, 180, 180), (256, 256, 256)))
    x, w = 160 + int(rng.integers(-15, 15)), int(rng.integers(50, 80))
    t, b = int(rng.integers(30, 70)), int(rng.integers(240, 300))
    half = {
        "shirt": [(20, t), (w, t + 20), (w + 40, t + 100), (w + 5, t + 110), (w - 8, b)],
        "trousers": [(w * 0.8, t), (w, b), (w / 4, b), (0, t + 90)],
        "dress": [(0, t + 25), (12, t), (30, t), (25, t + 80), (w + 30, b)],
    }[str(rng.choice(["shirt", "trousers", "dress"]))]
    right = [(x + across, down) for across, down in half]
    left = [(x - across, down) for across, down in reversed(half)]
    draw.polygon(right + left, fill=_colour(rng))
    if rng.random() < 0.5:
        for row in range(6):
            place = t + 40 + row * 35
            draw.line([(x - w, place), (x + w, place)], fill=_colour(rng), width=4)
    return _sized(image)


def shapes(rng: np.random.Generator) -> np.ndarray:
    """Discs and boxes of many colours."""
    image, draw = _blank(_colour(rng))
    for _ in range(int(rng.integers(3, 30))):
        x, y, w, h = rng.integers(0, _CANVAS, 4).tolist()
        figure = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        figure([x - w // 4, y - h // 4, x + w // 4, y + h // 4], fill=_colour(rng))
    return _sized(image)


KINDS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "noise": noise,
    "one colour, or two that blend": surface,
    "drawn landscapes": landscape,
    "pages of text": page_of_text,
    "drawn clothing": garment,
    "discs and boxes": shapes,
}


def _blank(colour: tuple[int, ...]) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (_CANVAS, _CANVAS), colour)
    return image, ImageDraw.Draw(image)


def _disc(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: object) -> None:
    draw.ellipse(_whole([x - radius, y - radius, x + radius, y + radius]), fill=colour)


def _colour(
    rng: np.random.Generator,
    low: tuple[int, int, int] = (0, 0, 0),
    high: tuple[int, int, int] = (256, 256, 256),
) -> tuple[int, ...]:
    return tuple(rng.integers(low, high).tolist())


def _whole(values: object) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def _sized(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BICUBIC), np.uint8)
