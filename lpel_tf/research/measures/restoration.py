"""Giving an altered image its own pixels back, in the order of a map, no image made twice."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.superpixels import descending
from lpel_serving.support.arrays import Floats, Pixels, SignedMap
from lpel_serving.support.errors import EmbeddingError, ParameterError


@dataclass(frozen=True, eq=False)
class Restoration:
    """An altered image with the distinct sets of pixels that it gets back.

    Attributes
    ----------
    changed, original
        The altered image and what it was made from, uint8, shape (S, S, 3).
    sets
        Packed bits of the pixels given back, for those images whose embeddings are not known.
    place
        Which image each wish is, any shape: 0 the altered one, 1 the original, then `sets`.
    """

    changed: Pixels
    original: Pixels
    sets: tuple[bytes, ...]
    place: NDArray[np.int64]

    def images(self) -> Iterator[Pixels]:
        """Make the images to be embedded, one by one."""
        shape = (*self.changed.shape[:2], 1)
        for packed in self.sets:
            restored = np.unpackbits(np.frombuffer(packed, np.uint8), count=shape[0] * shape[1])
            yield np.where(restored.reshape(shape), self.original, self.changed)

    def embeddings(self, h_changed: Floats, h_original: Floats, embedded: Floats) -> Floats:
        """Give every wish its embedding, shape (*place.shape, D), from those of `images`.

        Raises
        ------
        EmbeddingError
            If one is not finite.
        """
        known = np.stack([h_changed, h_original])
        everything = np.concatenate([known, embedded.reshape(-1, known.shape[1])])
        refuse_broken(everything)
        return everything[self.place]


def restoration(changed: Pixels, original: Pixels, restored: NDArray[np.bool_]) -> Restoration:
    """List the distinct images that there are in wishes.

    Parameters
    ----------
    changed, original
        uint8, shape (S, S, 3).
    restored
        The pixels that each wish gives back, bool, shape (..., S * S).
    """
    # Giving back a pixel that was never altered makes no new image.
    differs = np.any(changed != original, axis=-1).ravel()
    found = {np.packbits(np.zeros_like(differs)).tobytes(): 0}
    found.setdefault(np.packbits(differs).tobytes(), 1)
    wishes = restored.reshape(-1, len(differs)) & differs
    place = [found.setdefault(np.packbits(one).tobytes(), len(found)) for one in wishes]
    at = np.array(place, np.int64).reshape(restored.shape[:-1])
    return Restoration(changed, original, tuple(found)[2:], at)


def pixel_order(values: SignedMap, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Order an image's pixels, (size * size,), from the highest value of a map to the lowest.

    Each pixel has the value of the nearest one of the map; ties are broken at random.
    """
    return descending(enlarge(values, size).ravel(), rng)


def enlarge(values: SignedMap, size: int) -> NDArray[np.float64]:
    """Give each pixel of an image the value of the nearest one of a map, shape (size, size)."""
    rows, columns = (np.arange(size) * length // size for length in values.shape)
    return values[rows[:, np.newaxis], columns].astype(np.float64)


def refuse_broken(*embeddings: Floats) -> None:
    """Refuse embeddings that are not finite, since the cosine of NaN passes for a zero vector's.

    Raises
    ------
    EmbeddingError
        If one is not finite.
    """
    if not all(np.isfinite(h).all() for h in embeddings):
        raise EmbeddingError("an embedding holds NaN: leave out images without a face.")


def refuse_shapes(*images: Pixels) -> None:
    """Refuse images that cannot lend each other pixels.

    Raises
    ------
    ParameterError
        If they are not square crops, uint8, of one size.
    """
    shapes = [image.shape for image in images]
    side = shapes[0][0] if shapes[0] else 0
    if any(image.dtype != np.uint8 for image in images) or set(shapes) != {(side, side, 3)}:
        received = ", ".join(f"{image.dtype} {image.shape}" for image in images)
        raise ParameterError(
            f"pixels are lent between square crops, uint8, of one shape (S, S, 3); received "
            f"{received}: crop all images alike."
        )


def refuse_percentages(what: str, levels: tuple[int, ...]) -> None:
    """Refuse what are not whole percentages, at least one, ascending within 0 to 100.

    Raises
    ------
    ParameterError
        If they are not.
    """
    whole = all(type(level) is int for level in levels)
    if not whole or not levels or list(levels) != sorted(set(levels)) or levels[0] < 0:
        wrong = True
    else:
        wrong = levels[-1] > 100
    if wrong:
        raise ParameterError(
            f"{what} are whole percentages ascending within 0 to 100, such as (5, 50, 95); "
            f"received {levels}."
        )
