"""EMSNN: randomly changes the numbers most alike in two faces, marks where the picture changes.

Utkin et al.; sections 3.1.1 and 5.5.3 of the thesis.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.perturbation import DEFAULT_P
from lpel_serving.equations.relevance import feature_distance
from lpel_serving.methods.catalogue.parameter import Range
from lpel_serving.methods.catalogue.parameters import check_own
from lpel_serving.methods.method import FacePair, Need
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Floats, SignedMap
from lpel_serving.support.errors import ParameterError

DEFAULT_K, DEFAULT_DRAWS = 100, 50
_BATCH = 64
_PROBES, _ROUNDING = 8, 1e-3


@dataclass(frozen=True)
class Emsnn:
    """Mean change of the reconstruction when the k closest features are perturbed at random.

    The reference may be an image or, as in EMSNN itself, a prototype: see `prototype`. The method
    is defined for similar pairs only.
    """

    title: ClassVar[str] = "Random changes of the decoded face"
    paper: ClassVar[str] = (
        "Utkin et al. 2021, An explanation method for siamese neural networks (arXiv 1911.07702)"
    )
    needs: ClassVar[tuple[Need, ...]] = ("decoder",)
    decisions: ClassVar[tuple[str, ...]] = ("similar",)
    signed: ClassVar[bool] = False
    caveat: ClassVar[str] = (
        "Where EMSNN's maps were measured, they did worse than chance: take these as "
        "illustrations of the method, not as evidence."
    )
    elsewhere: ClassVar[str] = ""
    k: Annotated[
        int,
        Range("Features that are perturbed, if there are as many; 20 and 100 in the thesis.", 1),
    ] = DEFAULT_K
    draws: Annotated[
        int | None,
        Range(
            "Perturbations, 50 in the thesis; none for infinitely many, whose mean has a closed "
            "form if the decoder is linear.",
            1,
            served=1000,
        ),
    ] = DEFAULT_DRAWS
    scale: Annotated[
        float,
        Range(
            "Standard deviation of the perturbations; by a linear decoder it only scales the map.",
            above=0,
        ),
    ] = DEFAULT_P

    def __post_init__(self) -> None:
        check_own(self)

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map, shape (H, H), at least 0."""
        if not pair.similar:
            raise ParameterError(
                "EMSNN explains why a pair is similar, and this pair was called dissimilar: "
                "choose another method, or similar pairs alone."
            )
        chosen = closest(pair.h_r, pair.h_t, self.k)
        if self.draws is None:
            return half_normal_mean(networks, pair.h_t, chosen, self.scale, rng)
        steps = rng.normal(0, self.scale, (self.draws, len(chosen))).astype(np.float32)
        return mean_change(networks, pair.h_t, chosen, steps)


def closest(h_r: Floats, h_t: Floats, k: int) -> NDArray[np.int64]:
    """Find the k features with the smallest distance (Eq. 4.2); ties go to the first."""
    return np.argsort(feature_distance(h_r, h_t), kind="stable")[:k]


def mean_change(
    networks: Networks, h_t: Floats, chosen: NDArray[np.int64], steps: Floats
) -> SignedMap:
    """Average ``|g(h_t + step) - g(h_t)|`` over steps of the chosen features, shape (N, k)."""
    original = networks.decode(h_t[np.newaxis])[0]
    total = np.zeros(original.shape, np.float64)
    for start in range(0, len(steps), _BATCH):
        part = steps[start : start + _BATCH]
        perturbed = np.repeat(h_t[np.newaxis], len(part), axis=0)
        perturbed[:, chosen] += part
        total += np.abs(networks.decode(perturbed) - original).sum(axis=0, dtype=np.float64)
    return (total / len(steps)).mean(axis=-1).astype(np.float32)


def half_normal_mean(
    networks: Networks,
    h_t: Floats,
    chosen: NDArray[np.int64],
    scale: float,
    rng: np.random.Generator,
) -> SignedMap:
    """The limit of `mean_change` for a linear decoder and infinitely many draws.

    A pixel changes by a normal variable of standard deviation ``scale * sqrt(sum of w**2)`` over
    the chosen features' weights w, whose absolute value has the mean ``sqrt(2 / pi)`` times that.

    Raises
    ------
    ParameterError
        If the decoder is not linear near `h_t`, tested by some random steps.
    """
    steps = np.zeros((len(chosen) + _PROBES, len(h_t)), np.float32)
    steps[np.arange(len(chosen)), chosen] = scale
    probes = rng.normal(0, 3 * scale, (_PROBES, len(chosen))).astype(np.float32)
    steps[len(chosen) :, chosen] = probes
    images = networks.decode(np.concatenate([h_t[np.newaxis], h_t + steps])).astype(np.float64)
    moved = images[1:] - images[0]
    by_unit, by_probe = moved[: len(chosen)], moved[len(chosen) :]
    predicted = np.einsum("nk,khwc->nhwc", probes / scale, by_unit)
    size = np.einsum("nk,khwc->nhwc", np.abs(probes / scale), np.abs(by_unit))
    if not (np.abs(by_probe - predicted) <= _ROUNDING * (size + np.abs(images[0]))).all():
        raise ParameterError(
            "infinitely many draws have a closed form for linear decoders only, and this one is "
            "not linear: name a number of draws."
        )
    spread = np.sqrt(np.square(by_unit).sum(axis=0))
    return (np.sqrt(2 / np.pi) * spread).mean(axis=-1).astype(np.float32)
