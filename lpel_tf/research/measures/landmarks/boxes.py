"""Boxes of the landmarks of a centred face, and the swap of a landmark between two faces."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.arrays import Pixels
from lpel_serving.support.errors import ParameterError
from lpel_tf.research.measures.mixtures import refuse_shapes


@dataclass(frozen=True)
class Box:
    """A rectangle in a square crop, its edges as shares of the crop's side from the upper left.

    Attributes
    ----------
    top, left, bottom, right
        In [0, 1]; it is not empty, and leaves some of the crop outside.
    """

    top: float
    left: float
    bottom: float
    right: float

    def __post_init__(self) -> None:
        inside = 0 <= self.top < self.bottom <= 1 and 0 <= self.left < self.right <= 1
        if not inside or (self.bottom - self.top) * (self.right - self.left) == 1:
            raise ParameterError(
                "a box has 0 <= top < bottom <= 1 and 0 <= left < right <= 1, and is not all of "
                f"the crop; received {self}."
            )


LANDMARKS: Mapping[str, Box] = MappingProxyType(
    {
        "forehead": Box(0.0, 0.14, 0.25, 0.86),
        "brows": Box(0.24, 0.14, 0.35, 0.86),
        "eyes": Box(0.32, 0.14, 0.46, 0.86),
        "nose": Box(0.42, 0.35, 0.68, 0.65),
        "mouth": Box(0.67, 0.27, 0.86, 0.73),
        "chin": Box(0.84, 0.22, 1.0, 0.78),
    }
)
"""Set by eye on the mean of 100 of LFW's centred crops (0.48 of the photograph).

Single faces lie a few hundredths off it, so that a box holds its landmark with some skin about it.
"""


def opacity(box: Box, size: int, feather: float) -> NDArray[np.float64]:
    """How much of another face shows through, in [0, 1], shape (size, size).

    1 inside the box, falling linearly to 0 at its edges over a share `feather` of the crop's side;
    an edge that is the crop's own does not fall.
    """
    # Of pixels' centres, so that a box and its mirror image fare alike.
    centres = (np.arange(size) + 0.5) / size
    rows = _ramp(centres, box.top, box.bottom, feather)
    return np.minimum(rows[:, np.newaxis], _ramp(centres, box.left, box.right, feather))


def with_landmark(face: Pixels, donor: Pixels, box: Box, feather: float) -> Pixels:
    """Give a face what another has in a box, uint8, shape (S, S, 3), as both are.

    Raises
    ------
    ParameterError
        If they are not square crops of one size.
    """
    refuse_shapes(face, donor)
    share = opacity(box, len(face), feather)[:, :, np.newaxis]
    return (face + share * (donor.astype(np.float64) - face)).round().astype(np.uint8)


def _ramp(
    centres: NDArray[np.float64], start: float, stop: float, feather: float
) -> NDArray[np.float64]:
    """Opacity along one side, shape (size,)."""
    depth = np.minimum(
        centres - start if start > 0 else np.inf, stop - centres if stop < 1 else np.inf
    )
    depth = np.broadcast_to(depth, centres.shape)
    if not feather:
        return (depth >= 0).astype(np.float64)
    return np.clip(depth, 0, feather) / feather
