"""The response decoder: a dense layer from an embedding to the superpixels' attribution vectors."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.comparison import COSINE, Comparison
from lpel_serving.support.extras import require
from lpel_tf.decoders.response_table import ResponseTable
from lpel_tf.support.policy import float32_layers


@dataclass(frozen=True, eq=False)
class ResponseDecoder:
    """Responses as a linear function of the unit embedding, ``h W + b``.

    Attributes
    ----------
    kernel
        W, float32, shape (D, K, D).
    bias
        b, float32, shape (K, D).
    comparison
        Whose scaled embeddings it takes.
    """

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]
    comparison: Comparison = COSINE

    @property
    def side(self) -> int:
        """Superpixels along one side."""
        return round(len(self.bias) ** 0.5)

    def __call__(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict responses, float32, shape (N, K, D), from embeddings as they are, (N, D)."""
        return self.of_scaled(self.comparison.scale(embeddings))

    def of_scaled(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict the same from scaled embeddings."""
        return np.tensordot(embeddings, self.kernel, axes=1) + self.bias


@float32_layers()
def to_keras(decoder: ResponseDecoder) -> Any:
    """Put the weights into a Keras network, which leaves the scaling to others.

    Returns
    -------
    keras.Model
        From scaled embeddings, shape (batch, D), to responses, shape (batch, side, side, D): as a
        bundle's file has it, whose engine does the scaling.
    """
    keras = require("keras", "train")
    dimension, superpixels, _ = decoder.kernel.shape
    model = keras.Sequential(
        [
            keras.Input((dimension,), name="embedding"),
            keras.layers.Dense(superpixels * dimension, name="superpixels"),
            keras.layers.Reshape((decoder.side, decoder.side, dimension), name="response"),
        ],
        name="response_decoder",
    )
    flat = [decoder.kernel.reshape(dimension, -1), decoder.bias.reshape(-1)]
    model.get_layer("superpixels").set_weights(flat)
    return model


@dataclass(frozen=True)
class ResponseLoss:
    """Share of the squared change by coalitions that a decoder fails to predict, in [0, 1].

    Attributes
    ----------
    vectors
        Squared error of the losses, as a share of the losses' own squares.
    own
        The same along the image's own embedding, which matters most for similar pairs.
    """

    vectors: float
    own: float


def response_loss(decoder: ResponseDecoder, table: ResponseTable) -> ResponseLoss:
    """Measure a decoder on a table; predicting 0 has losses of 1."""
    errors, squares = np.zeros(2), np.zeros(2)
    for i in range(len(table)):
        h = table.embeddings[i]
        lost = table.losses[i].astype(np.float32)
        error = lost - table.coalitions[i] @ decoder.of_scaled(h[np.newaxis])[0]
        errors += (np.square(error).sum(), np.square(error @ h).sum())
        squares += (np.square(lost).sum(), np.square(lost @ h).sum())
    vectors, own = cast("list[float]", (errors / np.where(squares > 0, squares, 1)).tolist())
    return ResponseLoss(vectors, own)
