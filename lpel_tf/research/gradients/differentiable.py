"""A Keras embedding network with gradients with respect to its pixels."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.conversion.keras_networks import embedding_dimension
from lpel_export.conversion.standardisation import Standardisation, find_standardisation
from lpel_export.support.errors import ModelShapeError
from lpel_serving.support.arrays import Floats, Pixels
from lpel_serving.support.errors import EmbeddingError, ImageError, ParameterError
from lpel_serving.support.image_shape import ImageShape
from lpel_tf.research.gradients.graphs import embedding_function, gradient_function, layer_function

DEFAULT_CHUNK = 16


class Differentiable:
    """``e(x) = f(x) / |f(x)|`` for a Keras model ``f``, with its gradients.

    Gradients are by the pixels themselves, 0 to 255, before they are standardised: by what a map
    of the crop is about, and in the same unit for every network.

    Parameters
    ----------
    model
        A Keras model from standardised float images, shape (batch, H, W, C), to vectors, shape
        (batch, D). Its weights may change later: no copy is made.
    standardisation
        What happens to uint8 pixels before the model: see `lpel_export.conversion.standardisation`.
    chunk
        How many images are in the network at a time, which bounds the memory.

    Attributes
    ----------
    shape, dimension
        Of the images, and the length D.
    forwards, backwards
        Images that have gone through the network so far, and gradients that have come back. They
        are plain counters, and may be set to 0 at will.

    Raises
    ------
    ModelShapeError
        If the model does not map images of one size to vectors.
    StandardisationError
        If there is no such standardisation.
    ParameterError
        If a chunk is less than 1.
    """

    def __init__(
        self, model: Any, standardisation: str | Standardisation, *, chunk: int = DEFAULT_CHUNK
    ) -> None:
        if chunk < 1:
            raise ParameterError(f"a chunk is 1 image or more; received {chunk}.")
        self.model = model
        self.standardisation = standardisation
        self.chunk = chunk
        self.shape = _shape(model)
        find_standardisation(standardisation, self.shape.channels)
        self.dimension = embedding_dimension(model, self.shape)
        self.forwards = 0
        self.backwards = 0
        self._embed: Callable[[Any], Any] | None = None
        self._gradient: Callable[[Any, Any], Any] | None = None
        self._by_layer: dict[str, Callable[[Any, Any], Any]] = {}

    def embed(self, crops: NDArray[np.uint8]) -> Floats:
        """Compute unit embeddings of crops.

        Parameters
        ----------
        crops
            uint8, shape (N, H, W, C), N at least 1.

        Returns
        -------
        NDArray[np.float32]
            Shape (N, D); a vector of zeros stays one.

        Raises
        ------
        ImageError
            If the crops are of another kind.
        """
        self._check_crops(crops)
        if self._embed is None:
            self._embed = embedding_function(self.model, self.standardisation, self.shape)
        parts: list[Floats] = []
        for start in range(0, len(crops), self.chunk):
            part = crops[start : start + self.chunk]
            parts.append(self._embed(part).numpy())
            self.forwards += len(part)
        return np.concatenate(parts)

    def gradients(self, crop: Pixels, upstream: Floats) -> Floats:
        """Differentiate ``u . e(x)`` by the pixels of one crop, for each of some vectors u.

        Parameters
        ----------
        crop
            uint8, shape (H, W, C).
        upstream
            The vectors u, float32, shape (N, D), N at least 1. Each costs a pass both ways.

        Returns
        -------
        NDArray[np.float32]
            Shape (N, H, W, C).

        Raises
        ------
        ImageError, EmbeddingError
            If the crop or the vectors are of another kind.
        """
        self._check_crops(crop[np.newaxis])
        self._check_upstream(upstream)
        if self._gradient is None:
            self._gradient = gradient_function(self.model, self.standardisation, self.shape)
        parts: list[Floats] = []
        for start in range(0, len(upstream), self.chunk):
            part = upstream[start : start + self.chunk]
            parts.append(self._gradient(crop, part).numpy())
            self.forwards += len(part)
            self.backwards += len(part)
        return np.concatenate(parts)

    def layer_gradient(self, crop: Pixels, upstream: Floats, layer: str) -> tuple[Floats, Floats]:
        """Compute what a layer says of one crop, and differentiate ``u . e(x)`` by it.

        Parameters
        ----------
        crop
            uint8, shape (H, W, C).
        upstream
            The vector u, float32, shape (D,).
        layer
            Name of a layer of the model.

        Returns
        -------
        activation, gradient
            Both float32, of the layer's output shape without its batch, such as (h, w, C).

        Raises
        ------
        ImageError, EmbeddingError
            If the crop or the vector is of another kind.
        ParameterError
            If the model has no such layer, or the embedding does not depend on it.
        """
        self._check_crops(crop[np.newaxis])
        self._check_upstream(upstream[np.newaxis])
        if layer not in self._by_layer:
            self._by_layer[layer] = layer_function(
                self.model, self.standardisation, self.shape, layer
            )
        activation, gradient = self._by_layer[layer](crop, upstream)
        self.forwards += 1
        self.backwards += 1
        return activation.numpy()[0], gradient.numpy()[0]

    def _check_crops(self, crops: NDArray[np.uint8]) -> None:
        wanted = tuple(self.shape)
        if crops.dtype != np.uint8 or not len(crops) or crops.shape[1:] != wanted:
            raise ImageError(
                f"the network wants 1 or more crops, uint8, each of shape {wanted}; received "
                f"{crops.dtype}, shape {crops.shape}: cut the face to that size first."
            )

    def _check_upstream(self, upstream: Floats) -> None:
        if upstream.ndim != 2 or not len(upstream) or upstream.shape[1] != self.dimension:
            raise EmbeddingError(
                f"expected 1 or more vectors of {self.dimension} features, as this network's "
                f"embeddings have; received shape {upstream.shape}: take the embeddings from the "
                "same network."
            )


def _shape(model: Any) -> ImageShape:
    inputs = getattr(model, "inputs", None)
    if not inputs:
        raise ModelShapeError(
            "expected a model that lists its inputs, such as keras.Model(image, embedding); "
            f"received {type(model).__name__}: call it on a keras.Input and make a model of both."
        )
    shape = tuple(inputs[0].shape)
    if len(shape) != 4 or None in shape[1:]:
        raise ModelShapeError(
            "expected a model of images of one size, shape (None, H, W, C); this one takes "
            f"{shape}: build it with an input of fixed size."
        )
    return ImageShape(*shape[1:])
