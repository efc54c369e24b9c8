"""Pasting of square patches of one face on another, as in Patch-LFW (Huber et al., 2023)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.arrays import Pixels
from lpel_serving.support.errors import ParameterError
from lpel_tf.research.measures.mixtures import refuse_shapes
from lpel_tf.research.measures.percentages import pixel_counts, refuse_percentages

DEFAULT_LEVELS = tuple(range(5, 100, 5))


@dataclass(frozen=True)
class PatchSettings:
    """How faces are patched, and how much of them is given back.

    Attributes
    ----------
    levels
        Percentages of all the image's pixels, patched or not, that are given back; whole numbers
        ascending within 0 to 100.
    patches
        How many; they may overlap, and cover two fifths of the image together.
    share
        Side of a patch as a share of the image's, in (0, 1]: 16 of 112 pixels in the literature.
    """

    levels: tuple[int, ...] = DEFAULT_LEVELS
    patches: int = 27
    share: float = 16 / 112

    def __post_init__(self) -> None:
        refuse_percentages("levels", self.levels)
        if self.patches < 1:
            raise ParameterError(f"at least 1 patch is pasted; received {self.patches}.")
        if not 0 < self.share <= 1:
            raise ParameterError(
                f"a patch's side is a share of the image's in (0, 1]; received {self.share}."
            )

    def side(self, size: int) -> int:
        """Side of a patch on an image of a size, in pixels, at least 1; halves rounded up."""
        return max(1, int(self.share * size + 0.5))

    def counts(self, pixels: int) -> NDArray[np.int64]:
        """The number of pixels at each level, halves rounded up, shape (levels,)."""
        return pixel_counts(self.levels, pixels)


def paste(
    image: Pixels, donor: Pixels, settings: PatchSettings, rng: np.random.Generator
) -> Pixels:
    """Lay patches of a donor on an image at the places where they are in the donor.

    Parameters
    ----------
    image, donor
        uint8, shape (S, S, 3).
    settings
        How many patches, and their size.
    rng
        Their places: rows and columns uniform, all of a patch inside the image.

    Raises
    ------
    ParameterError
        If the images are not square crops of one size.
    """
    refuse_shapes(image, donor)
    side = settings.side(len(image))
    patched = image.copy()
    for top, left in rng.integers(0, len(image) - side + 1, (settings.patches, 2)):
        here = slice(top, top + side), slice(left, left + side)
        patched[here] = donor[here]
    return patched
