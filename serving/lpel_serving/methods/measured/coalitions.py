"""Measures what hiding squares of the faces does to the decision, by many random sets of them.

Fits the attribution vectors that `responses` predicts to measured coalitions: slower, more exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np

from lpel_serving.equations.attribution import fit_responses
from lpel_serving.equations.fill import Fill
from lpel_serving.methods.both_ways import BothWays, one_after_the_other
from lpel_serving.methods.catalogue.parameter import Range
from lpel_serving.methods.catalogue.parameters import check_own
from lpel_serving.methods.decoded.responses import DEFAULT_SIZE, MapSide, enlarge, evidence
from lpel_serving.methods.each_once import EachOnce
from lpel_serving.methods.measured.embedding_losses import (
    LARGEST,
    draw_coalitions,
    embedding_losses,
)
from lpel_serving.methods.measured.replacement import Filling
from lpel_serving.methods.method import FacePair, Method, Need
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Floats, Pixels, SignedMap

DEFAULT_COUNT = 256
ADDITIVE_FIT = (
    "Lundberg and Lee 2017, A unified approach to interpreting model predictions (SHAP). NeurIPS"
)
"""The source of the additive fit."""

Count = Annotated[int, Range("Coalitions that are measured of each image.", 1, served=4096)]


@dataclass(frozen=True)
class Coalitions:
    """Embeds the images with random sets of superpixels hidden, and makes an additive fit.

    It costs `count` embeddings of each image, or a few less where coalitions are drawn twice. To
    explain an image against many others, call `measured_responses` once.
    """

    title: ClassVar[str] = "Hiding parts, measured"
    paper: ClassVar[str] = f"docs/responses.md; an additive fit as in {ADDITIVE_FIT}"
    needs: ClassVar[tuple[Need, ...]] = ("images",)
    signed: ClassVar[bool] = True
    caveat: ClassVar[str] = (
        "The map was measured by hiding random parts of the faces. No camera takes such pictures."
    )
    count: Count = DEFAULT_COUNT
    side: Annotated[int, Range("Superpixels along one side.", 2, 64, served=16)] = 8
    fill: Filling = field(default_factory=Fill)
    size: MapSide = DEFAULT_SIZE

    def __post_init__(self) -> None:
        check_own(self)

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map, shape (size, size)."""
        values = measured_evidence(pair, networks, self.count, self.side, self.fill, rng)
        return enlarge(values, self.size)

    def both_ways(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> BothWays:
        """Compute both maps; those of a dissimilar pair are equal."""
        return measured_both_ways(self, pair, networks, rng)


def measured_both_ways(
    method: Method, pair: FacePair, networks: Networks, rng: np.random.Generator
) -> BothWays:
    """Explain a pair both ways by a method that uses `measured_evidence`."""
    if pair.similar:
        return one_after_the_other(method, pair, networks, rng)
    values = method(pair, EachOnce(networks), rng)
    return BothWays(values, values)


def measured_evidence(
    pair: FacePair,
    networks: Networks,
    count: int,
    side: int,
    fill: Fill,
    rng: np.random.Generator,
    *,
    priors: tuple[Floats | None, Floats | None] = (None, None),
) -> SignedMap:
    """Measure the test's responses, for a dissimilar pair the reference's too, and return the map.

    In both images the same superpixels are replaced by the same noise, so that the map of a
    dissimilar pair is the same both ways.

    Parameters
    ----------
    pair, networks
        See `lpel_serving.methods.method.Method`.
    count, side, fill, rng
        See `measured_responses`.
    priors
        Prior means of the responses of test and reference.

    Returns
    -------
    NDArray[np.float32]
        Shape (side, side).
    """
    seed = int(rng.integers(2**62))

    def measure(image: Pixels, h: Floats, prior: Floats | None) -> Floats:
        again = np.random.default_rng(seed)
        return measured_responses(networks, image, h, count, side, [fill], again, prior=prior)

    of_test = measure(pair.test, pair.h_t, priors[0])
    of_reference = None if pair.similar else measure(pair.reference, pair.h_r, priors[1])
    return evidence(pair, networks.comparison, of_test, of_reference)


def measured_responses(
    networks: Networks,
    image: Pixels,
    h: Floats,
    count: int,
    side: int,
    fills: Sequence[Fill],
    rng: np.random.Generator,
    *,
    prior: Floats | None = None,
) -> Floats:
    """Measure the responses of one image, which explain it against any other.

    Parameters
    ----------
    networks
        The networks, whose embedder embeds `count` images.
    image
        uint8, shape (H, W, C).
    h
        Its embedding, shape (D,).
    count, side, fills, rng
        See `lpel_serving.methods.measured.embedding_losses`.
    prior
        Prior mean of the responses, shape (side * side, D); see
        `lpel_serving.equations.attribution.fit_responses`.

    Returns
    -------
    NDArray[np.float32]
        Shape (side * side, D).
    """
    drawn = draw_coalitions(rng, count, side**2, LARGEST)
    losses = embedding_losses(networks.embed, networks.comparison, image, h, drawn, fills, rng)
    return fit_responses(drawn, losses, prior)
