"""Settings of a deletion or transplant curve."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.fill import Fill
from lpel_serving.equations.superpixels import grid_side
from lpel_serving.faithfulness.deletion_curve import counts
from lpel_serving.methods.measured.replacement import KINDS, Kind
from lpel_serving.support.errors import ParameterError

_USUAL = 8
"""Superpixels along one side, in the thesis."""


@dataclass(frozen=True)
class CurveSettings:
    """Settings of a deletion or transplant curve.

    Attributes
    ----------
    kind
        How superpixels are replaced: see `lpel_serving.methods.measured.replacement.replacement`.
    superpixel
        Side of a superpixel in pixels of the decoder's images.
    image_size
        Longer side of the decoder's images.
    every
        The number of superpixels between two measurements of the similarity; 1 in the thesis.
    fill
        What superpixels are replaced by.
    shared_noise
        The same noise in both images, for the kind ``both``.
    draws
        The number of random orders for each pair.
    """

    kind: Kind
    superpixel: int = 5
    image_size: int = 40
    every: int = 1
    fill: Fill = field(default_factory=Fill)
    shared_noise: bool = False
    draws: int = 10

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ParameterError(f"no curve is called {self.kind!r}; there are: {KINDS}.")
        if self.draws < 1:
            raise ParameterError(f"at least 1 random order is needed; received {self.draws}.")
        counts(self.side**2, self.every)

    @property
    def side(self) -> int:
        """Superpixels along one side."""
        return grid_side(self.image_size, self.superpixel)

    @property
    def replaced(self) -> NDArray[np.int64]:
        """The number of superpixels replaced at each step, shape (steps,)."""
        return counts(self.side**2, self.every)


def settings_for(kind: Kind, shape: Sequence[int], *, every: int, draws: int) -> CurveSettings:
    """Return settings for decoders of images of any shape, with about as many superpixels as usual.

    They tile the longer side of the decoder's images, and cross the shorter in as many.
    """
    image_size = max(shape[:2])
    most = min(shape[:2])
    tiling = [s for s in range(1, image_size) if image_size % s == 0 and image_size // s <= most]
    superpixel = min(tiling, key=lambda size: abs(image_size / size - _USUAL), default=1)
    fill = Fill(grain=image_size)
    return CurveSettings(kind, superpixel, image_size, every, fill, draws=draws)
