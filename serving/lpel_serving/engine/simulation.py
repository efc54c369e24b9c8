"""Asks the second graph of a surrogate about coalitions, as often as one likes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lpel_serving.bundle.manifest import (
    COALITION,
    DONOR_EMBEDDING,
    EMBEDDING,
    MASKED_EMBEDDING,
)
from lpel_serving.engine.session import Session
from lpel_serving.support.arrays import Floats, Memberships
from lpel_serving.support.errors import BundleError, ParameterError

_AT_ONCE = 1024
"""Coalitions in one run: the hidden layers of more would only take memory."""


@dataclass(frozen=True, eq=False)
class SimulationOfImages:
    """What a surrogate knows of N images: a `lpel_serving.methods.networks.Simulation`.

    Attributes
    ----------
    session
        Of the second graph.
    superpixels
        K.
    hidden
        What the first graph gives of each image.
    embeddings, donors
        Float32, shape (N, D), unit length; donors 0 unless the fill is transplants.
    """

    session: Session
    superpixels: int
    hidden: tuple[Mapping[str, Floats], ...]
    embeddings: Floats
    donors: Floats

    def __call__(self, coalitions: Memberships, /) -> Floats:
        """See `lpel_serving.methods.networks.Simulation`."""
        rows = self._rows(coalitions)
        count, dimension = self.embeddings.shape
        found = np.empty((count, rows.shape[1], dimension), np.float32)
        for image in range(count):
            of = slice(image, image + 1)
            inputs = {
                **self.hidden[image],
                EMBEDDING: self.embeddings[of],
                DONOR_EMBEDDING: self.donors[of],
            }
            of_image = rows[of] if len(rows) > 1 else rows
            for start in range(0, rows.shape[1], _AT_ONCE):
                some = of_image[:, start : start + _AT_ONCE]
                (masked,) = self.session.run_all({**inputs, COALITION: some}, (MASKED_EMBEDDING,))
                check_finite(masked, (1, some.shape[1], dimension))
                found[of, start : start + _AT_ONCE] = masked
        return found

    def _rows(self, coalitions: Memberships) -> Floats:
        """Coalitions of shape (1 or N, M, K), contiguous."""
        rows = coalitions[np.newaxis] if coalitions.ndim == 2 else coalitions
        images, superpixels = len(self.embeddings), self.superpixels
        fits = rows.ndim == 3 and rows.shape[2] == superpixels and rows.dtype.kind in "bf"
        if not fits or (coalitions.ndim == 3 and len(rows) != images):
            raise ParameterError(
                f"expected coalitions as bool or floats of shape (M, {superpixels}) or ({images}, "
                f"M, {superpixels}), received {coalitions.dtype} of shape {coalitions.shape}."
            )
        # NaN is neither.
        if rows.dtype.kind == "f" and not ((rows >= 0) & (rows <= 1)).all():
            raise ParameterError(
                "expected memberships from 0, a superpixel that is shown, to 1, one that is "
                "replaced; received a number below 0 or above 1, or NaN."
            )
        return np.ascontiguousarray(rows, np.float32)


def check_finite(found: Floats, expected: tuple[int, ...]) -> None:
    """Raise `BundleError` unless a surrogate gave finite numbers of some shape."""
    if found.shape != expected or not np.isfinite(found).all():
        raise BundleError(
            f"the surrogate gave {found.shape}, or NaN or infinity; expected finite numbers of "
            f"shape {expected}: train it again."
        )
