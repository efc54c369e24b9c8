"""xSSAB: backpropagation of the features for and against a match (Huber et al. 2023)."""

from dataclasses import dataclass, field

import numpy as np

from lpel_serving.equations.similarity import unit
from lpel_serving.methods.method import FacePair
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import SignedMap
from lpel_tf.research.gradients.differentiable import Differentiable
from lpel_tf.research.gradients.fggb import check_theta


@dataclass(frozen=True, eq=False)
class Xssab:
    """Similarity score argument backpropagation.

    After Huber et al., "Efficient explainable face verification based on similarity score argument
    backpropagation", 2023.

    Feature k argues for a match if its part in the cosine, ``e_t,k * e_r,k``, reaches its share
    theta / D of the threshold. The parts that do are summed and differentiated by the pixels, and
    so are the rest: two backward passes.

    Attributes
    ----------
    differentiable
        The network.
    theta
        The threshold of equal error rates on the cosine, in [-1, 1].
    """

    differentiable: Differentiable = field(repr=False)
    theta: float

    def __post_init__(self) -> None:
        check_theta(self.theta)

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map, shape (S, S).

        It is the mean absolute gradient, over the channels, of what argues for the decision, less
        that of what argues against it.
        """
        del networks, rng
        e_r, e_t = unit(pair.h_r), unit(pair.h_t)
        arguing = e_r * e_t >= self.theta / len(e_r)
        upstream = np.stack([np.where(arguing, e_r, 0), np.where(arguing, 0, e_r)])
        gradients = self.differentiable.gradients(pair.test, upstream.astype(np.float32))
        positive, negative = np.abs(gradients).mean(axis=-1)
        return positive - negative if pair.similar else negative - positive
