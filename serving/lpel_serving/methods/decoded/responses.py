"""Predicts what hiding each square of the faces would do to the decision; nothing is hidden.

A response decoder predicts it from the two embeddings alone.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from lpel_serving.equations.comparison import Comparison
from lpel_serving.equations.summation import enlarge_smoothly
from lpel_serving.methods.catalogue.parameter import Range
from lpel_serving.methods.catalogue.parameters import check_own
from lpel_serving.methods.decoded.predicted_responses import PredictedResponses
from lpel_serving.methods.many import Decisions, ExplainSome, Maps, Places
from lpel_serving.methods.method import FacePair, Need
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Floats, SignedMap
from lpel_serving.support.errors import ParameterError

DEFAULT_SIZE = 40
"""Side of the maps: that of the decoder's images in the thesis."""
_FEW = 16
"""Pairs summed at a time: their responses fit into a core's cache."""
AMORTISED = "Jethani et al. 2022, FastSHAP: real-time Shapley value estimation. ICLR"
"""The published method closest to the response decoder."""

MapSide = Annotated[
    int, Range("Side of the map, to which the grid is enlarged smoothly.", 1, 4096, served=256)
]
"""Side of maps that are enlarged from superpixels."""


@dataclass(frozen=True)
class Responses:
    """Explains by attribution vectors that a response decoder predicts; no image is embedded."""

    title: ClassVar[str] = "Hiding parts, predicted"
    paper: ClassVar[str] = f"docs/responses.md; its closest kin is {AMORTISED}"
    needs: ClassVar[tuple[Need, ...]] = ("responses",)
    signed: ClassVar[bool] = True
    one_file: ClassVar[bool] = True
    caveat: ClassVar[str] = (
        "The map predicts, from the network's numbers for the two faces alone, what "
        "hiding parts of them would do; nothing was hidden."
    )
    size: MapSide = DEFAULT_SIZE

    def __post_init__(self) -> None:
        check_own(self)

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map, shape (size, size)."""
        del rng
        of_test, of_reference = networks.respond(np.stack([pair.h_t, pair.h_r]))
        return enlarge(evidence(pair, networks.comparison, of_test, of_reference), self.size)

    def many(self, networks: Networks, embeddings: Floats) -> ExplainSome:
        """Prepare to explain many pairs at once: see `lpel_serving.methods.many`."""
        predicted, comparison = PredictedResponses(networks, embeddings), networks.comparison
        scaled = comparison.scale(embeddings)

        def explain(references: Places, tests: Places, similar: Decisions) -> Maps:
            predicted.prepare(np.concatenate([references, tests]))
            side = round(predicted.superpixels**0.5)
            of_tests, of_references = np.empty((2, len(tests), side**2), np.float32)
            for alike in (True, False):
                places = np.flatnonzero(similar == alike)
                for few in np.split(places, range(_FEW, len(places), _FEW)):
                    r, t = references[few], tests[few]
                    if alike:
                        of_tests[few] = comparison.likeness(predicted[t], scaled[r], scaled[t])
                        of_references[few] = comparison.likeness(predicted[r], scaled[t], scaled[r])
                    else:  # the same both ways: both differences change their signs
                        of_tests[few] = of_references[few] = comparison.difference(
                            predicted[t], predicted[r], scaled[t], scaled[r]
                        )
            grids = (maps.reshape(-1, side, side) for maps in (of_tests, of_references))
            forward, swapped = (enlarge(grid, self.size) for grid in grids)
            return forward, swapped

        return explain


def evidence(
    pair: FacePair, comparison: Comparison, of_test: Floats, of_reference: Floats | None
) -> SignedMap:
    """Compute each superpixel's attribution of the decision.

    Parameters
    ----------
    pair, comparison
        The pair, and how the network compares.
    of_test, of_reference
        Responses, shape (K, D); the reference's may be None for a similar pair.

    Returns
    -------
    NDArray[np.float32]
        Shape (side, side). For a similar pair the fall of the similarity when the superpixel is
        hidden in the test; for a dissimilar one its rise when it is hidden in both, to first order
        of the cosine.

    Raises
    ------
    ParameterError
        If responses are not of a square grid, or of embeddings of another length, or those of the
        reference are missing.
    """
    for responses in (of_test, of_reference):
        if responses is not None:
            _check_responses(responses, pair.h_t)
    u_t, u_r = comparison.scale(pair.h_t), comparison.scale(pair.h_r)
    if pair.similar:
        values = comparison.likeness(of_test, u_r, u_t)
    elif of_reference is None:
        raise ParameterError(
            "a dissimilar pair needs the responses of both images: give the reference's too."
        )
    else:
        values = comparison.difference(of_test, of_reference, u_t, u_r)
    side = round(len(values) ** 0.5)
    return values.reshape(side, side).astype(np.float32)


def _check_responses(responses: Floats, h: Floats) -> None:
    square = responses.ndim == 2 and round(len(responses) ** 0.5) ** 2 == len(responses)
    if not square or not len(responses) or responses.shape[1:] != h.shape:
        raise ParameterError(
            "expected a response for each superpixel of a square grid, each of the length of the "
            f"embedding, {h.shape}; received shape {responses.shape}."
        )


def enlarge(values: SignedMap, size: int) -> SignedMap:
    """Enlarge maps, shape (..., H, W), smoothly to (size, size); larger ones stay as they are."""
    if size <= max(values.shape[-2:]):
        return values
    return enlarge_smoothly(values, size)
