"""The explanation of a pair: two maps, their masks and agreement, and the decided pair."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.usual_record import UsualMaps
from lpel_serving.equations.agreement import Agreement, intersection_over_union, spearman
from lpel_serving.equations.decision import Decision
from lpel_serving.equations.heatmap import normalise
from lpel_serving.methods.decided import DecidedPair
from lpel_serving.support.arrays import Floats, Pixels

if TYPE_CHECKING:
    from lpel_serving.methods.used import MethodUsed


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why one image, the test, was called similar or dissimilar to another, the reference.

    Attributes
    ----------
    reconstruction
        ``g(h_t)``, float32, shape (H, W, C); about [0, 1], not clipped. None without a decoder.
    heat_map
        The heat-map, float32, shape (H, W). LPEL's is Eq. 4.6, at least 0, in units of pixel
        intensity; other methods' are signed, on their own scale and perhaps of another size.
    mask
        Eq. 4.7, bool, shape (H, W).
    errors
        Error bars of the heat-map: the standard deviation of each superpixel's value, float32,
        shape (side, side); None where the method estimates none.
    """

    reconstruction: Floats | None
    heat_map: Floats
    mask: NDArray[np.bool_]
    errors: Floats | None = field(default=None, kw_only=True)

    @property
    def normalised_heat_map(self) -> Floats:
        """The heat-map scaled to [0, 1], float32, shape (H, W)."""
        return normalise(self.heat_map)


@dataclass(frozen=True, eq=False)
class LpelExplanation(Explanation):
    """An explanation by LPEL, with the steps that led to it.

    Attributes
    ----------
    relevance
        Eq. 4.4, float32, shape (D,), in [0, 1].
    perturbed_reconstruction
        ``g(h_p)``, float32, shape (H, W, 3); not clipped, and often far outside [0, 1].
    """

    reconstruction: Floats
    relevance: Floats
    perturbed_reconstruction: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class PairExplanation(DecidedPair):
    """A pair of images explained both ways.

    Attributes
    ----------
    forward
        Explanation of the test against the reference.
    swapped
        Explanation of the reference against the test: the roles exchanged.
    agreement
        The agreement of the two explanations.
    control
        Whether the maps are a control's, which do not depend on the pair. See
        `lpel_serving.methods.method.is_control`.
    usual
        The usual shares of such maps, from other pairs; None where the bundle has none.
    method
        The method that explained it; None if not known.
    """

    forward: Explanation
    swapped: Explanation
    agreement: Agreement
    control: bool = False
    usual: UsualMaps | None = None
    method: "MethodUsed | None" = None


def put_together(
    crops: tuple[Pixels, Pixels],
    embeddings: Floats,
    decision: Decision,
    forward: Explanation,
    swapped: Explanation,
    *,
    control: bool = False,
) -> PairExplanation:
    """Combine the two explanations of a pair with the decided pair."""
    return PairExplanation(
        decision=decision,
        reference_crop=crops[0],
        test_crop=crops[1],
        reference_embedding=embeddings[0],
        test_embedding=embeddings[1],
        forward=forward,
        swapped=swapped,
        agreement=compare(forward, swapped),
        control=control,
    )


def compare(forward: Explanation, swapped: Explanation) -> Agreement:
    """Compute the agreement of the two explanations of a pair."""
    return Agreement(
        spearman(forward.heat_map, swapped.heat_map),
        intersection_over_union(forward.mask, swapped.mask),
    )
