"""The optional capability of a method to predict what replacing any coalition would do."""

from typing import Protocol

import numpy as np

from lpel_serving.methods.kinds import Kind
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Coalitions, Floats


class PredictsCoalitions(Method, Protocol):
    """A method that knows more of a coalition than the sum of its map over the members."""

    def predict(
        self,
        pair: FacePair,
        networks: Networks,
        coalitions: Coalitions,
        kind: Kind,
        fill: str,
        rng: np.random.Generator,
        /,
    ) -> Floats:
        """Predict what coalitions take from the decision on a pair.

        Parameters
        ----------
        pair, networks
            See `lpel_serving.methods.method.Method`.
        coalitions
            True where a superpixel is replaced, bool, shape (M, K).
        kind
            ``test``: in the test image; ``both``: in both images at the same places;
            ``transplant``: the test's become the reference's at the same place.
        fill
            What replaces them: ``normal``, ``mean``, ``blur``, or ``transplant`` for that kind.
        rng
            The source of all randomness of one that measures other coalitions first.

        Returns
        -------
        NDArray[np.float32]
            Shape (M,), positive where the replacement speaks against the decision, as a map is:
            the fall of the similarity if the pair is called similar, its rise if dissimilar.
        """
        ...
