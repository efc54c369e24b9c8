"""Grad-CAM of the similarity: gradients at the last feature map (Selvaraju et al., 2017)."""

from dataclasses import dataclass, field

import numpy as np

from lpel_serving.equations.similarity import unit
from lpel_serving.methods.method import FacePair
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import SignedMap
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.extras import require
from lpel_tf.research.gradients.differentiable import Differentiable


@dataclass(frozen=True, eq=False)
class GradCam:
    """Grad-CAM with ``cos(f(x), h_r)`` in place of the class score, or minus it if dissimilar.

    Attributes
    ----------
    differentiable
        The network.
    layer
        Name of the layer whose feature map is weighed; that of `last_feature_map` when None.
    """

    differentiable: Differentiable = field(repr=False)
    layer: str | None = None

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map, of the layer's height and width, at least 0; one backward pass.

        It is coarse: no upsampling.

        Raises
        ------
        ParameterError
            If the layer has no height and width, or there is no such layer.
        """
        del networks, rng
        layer = self.layer if self.layer is not None else last_feature_map(self.differentiable)
        target = unit(pair.h_r) if pair.similar else -unit(pair.h_r)
        activation, gradient = self.differentiable.layer_gradient(pair.test, target, layer)
        if activation.ndim != 3:
            raise ParameterError(
                f"the layer {layer!r} gives no feature map, shape (h, w, C), but "
                f"{activation.shape}: choose one before the pooling."
            )
        weights = gradient.mean(axis=(0, 1))
        return np.maximum(activation @ weights, 0)


def last_feature_map(differentiable: Differentiable) -> str:
    """Name the last layer whose output has a height and a width, not both of them 1.

    Raises
    ------
    ParameterError
        If no layer has.
    """
    keras = require("keras", "train")
    for layer in reversed(differentiable.model.layers):
        if isinstance(layer, keras.layers.InputLayer):
            continue
        # A layer that is used more than once has no output of its own.
        shape = getattr(getattr(layer, "output", None), "shape", ())
        if len(shape) == 4 and tuple(shape[1:3]) != (1, 1):
            return layer.name
    raise ParameterError(
        "no layer of this model gives a feature map, shape (batch, h, w, C): Grad-CAM is for "
        "convolutional networks."
    )
