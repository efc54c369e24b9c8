"""Mixtures of two images, pixel by pixel, in the order of a map; each mixture made once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.superpixels import descending
from lpel_serving.support.arrays import Floats, Pixels, SignedMap
from lpel_serving.support.errors import EmbeddingError, ParameterError


@dataclass(frozen=True, eq=False)
class Mixtures:
    """The distinct images among many that take some pixels from another image.

    Attributes
    ----------
    base, other
        The image that they are mostly, and the one that pixels are taken from, uint8, shape
        (S, S, 3).
    sets
        Packed bits of the pixels taken, for those images whose embeddings are not known.
    place
        Which image each of the many is, any shape: 0 the base, then, if it is known, the other,
        then `sets`.
    """

    base: Pixels
    other: Pixels
    sets: tuple[bytes, ...]
    place: NDArray[np.int64]

    def images(self) -> Iterator[Pixels]:
        """Make the images to be embedded, one by one."""
        shape = (*self.base.shape[:2], 1)
        for packed in self.sets:
            taken = np.unpackbits(np.frombuffer(packed, np.uint8), count=shape[0] * shape[1])
            yield np.where(taken.reshape(shape), self.other, self.base)

    def distinct(self, known: Sequence[Floats], embedded: Floats) -> Floats:
        """Line up the embeddings that `place` counts, shape (distinct, D).

        Parameters
        ----------
        known
            Of the base, and of the other if it is known.
        embedded
            Of `images`.

        Raises
        ------
        EmbeddingError
            If one is not finite.
        """
        first = np.stack(known)
        everything = np.concatenate([first, embedded.reshape(-1, first.shape[1])])
        refuse_broken(everything)
        return everything


def mixtures(
    base: Pixels, other: Pixels, taken: NDArray[np.bool_], *, other_known: bool
) -> Mixtures:
    """List the distinct images among many.

    Parameters
    ----------
    base, other
        uint8, shape (S, S, 3).
    taken
        The pixels that each takes from the other image, bool, shape (..., S * S).
    other_known
        Whether the embedding of the other image is known, and not only that of the base.
    """
    # Taking a pixel that is the same in both makes no new image.
    differs = np.any(base != other, axis=-1).ravel()
    found = {np.packbits(np.zeros_like(differs)).tobytes(): 0}
    if other_known:
        found.setdefault(np.packbits(differs).tobytes(), 1)
    known = 1 + other_known
    wanted = taken.reshape(-1, len(differs)) & differs
    place = [found.setdefault(np.packbits(one).tobytes(), len(found)) for one in wanted]
    at = np.array(place, np.int64).reshape(taken.shape[:-1])
    return Mixtures(base, other, tuple(found)[known:], at)


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
        raise EmbeddingError("an embedding holds NaN or infinity: leave out images without a face.")


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
