"""Sensitivity analysis: the similarity's gradient with respect to each pixel (section 2.2.2)."""

from dataclasses import dataclass, field

import numpy as np

from lpel_serving.equations.similarity import unit
from lpel_serving.methods.method import FacePair
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import SignedMap
from lpel_serving.support.errors import ParameterError
from lpel_tf.research.gradients.differentiable import Differentiable


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """The gradient of ``cos(f(x), h_r)`` by the pixels of the test image, without its sign.

    A steep pixel speaks neither for the decision nor against it, so that the map is the same
    whatever was decided. After Simonyan et al., "Deep inside convolutional networks", 2014, and
    Samek et al., "Evaluating the visualization of what a deep neural network has learned", 2017,
    with the similarity in place of a class score.

    Attributes
    ----------
    differentiable
        The network.
    power
        2 for the squared gradient, 1 for its absolute value; then the mean over the channels.
    """

    differentiable: Differentiable = field(repr=False)
    power: int = 2

    def __post_init__(self) -> None:
        if self.power not in (1, 2):
            raise ParameterError(
                "sensitivity is the absolute gradient, power 1, or the squared one, power 2; "
                f"received {self.power}."
            )

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map, shape (S, S), at least 0; one backward pass."""
        del networks, rng
        upstream = unit(pair.h_r)[np.newaxis]
        steepness = np.abs(self.differentiable.gradients(pair.test, upstream)[0])
        return (steepness**self.power).mean(axis=-1)
