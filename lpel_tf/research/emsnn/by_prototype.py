"""EMSNN as it was published, by a prototype, and LPEL and controls beside it on the same image."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.methods.controls.derived import WithDecoder
from lpel_serving.methods.decoded.emsnn import DEFAULT_DRAWS, Emsnn
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Floats, Pixels, SignedMap

EMSNN, LPEL = "EMSNN", "LPEL"
_MOST, _SHARE = 100, 5


def features_perturbed(dimension: int) -> int:
    """How many features EMSNN perturbs: a fifth of them and at most 100, the thesis's of 512."""
    return max(1, min(_MOST, dimension // _SHARE))


def methods(
    decode: Callable[[Floats], Floats], k: int, draws: int = DEFAULT_DRAWS
) -> Mapping[str, Method]:
    """LPEL with the networks' own decoder, and EMSNN with k features and its autoencoder's."""
    return {LPEL: Lpel(), EMSNN: WithDecoder(Emsnn(k, draws), decode, "autoencoder")}


@dataclass(frozen=True, eq=False)
class ByPrototype:
    """A test image's maps, float32, shape (H, W), by method.

    Attributes
    ----------
    own
        By the prototype of its class.
    another
        By that of another class, as if the image were similar to it: a control, for a map that
        stays the same says nothing of the class.
    """

    own: Mapping[str, SignedMap]
    another: Mapping[str, SignedMap]


def explain_by_prototype(
    networks: Networks,
    chosen: Mapping[str, Method],
    test: tuple[Pixels, Floats],
    own: Floats,
    another: Floats,
    seed: tuple[int, ...],
) -> ByPrototype:
    """Compute the maps of one test image.

    Parameters
    ----------
    networks
        The embedder, and the decoder of LPEL.
    chosen
        See `methods`.
    test
        The crop, uint8, and its embedding, shape (D,).
    own, another
        The prototype of its class, and of another, shape (D,).
    seed
        Of the random perturbations: the same for both prototypes.
    """
    crop, h_t = test

    def maps(reference: NDArray[np.float32]) -> Mapping[str, SignedMap]:
        pair = FacePair(crop, crop, reference, h_t, similar=True)  # a prototype has no picture
        return {
            name: method(pair, networks, np.random.default_rng(seed))
            for name, method in chosen.items()
        }

    return ByPrototype(maps(own), maps(another))
