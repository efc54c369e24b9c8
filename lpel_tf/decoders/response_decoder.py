"""The response decoder: linear, from an embedding to the superpixels' attribution vectors."""

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
    """Responses as a linear function of the scaled embedding, ``s h + (h U) W + b``.

    Attributes
    ----------
    own
        s, the share of the embedding itself that each superpixel takes, float32, shape (K,).
    directions
        U, those in which faces differ, float32, shape (D, r); of full rank where r = D.
    kernel
        W, float32, shape (r, K, D).
    bias
        b, float32, shape (K, D).
    comparison
        Whose scaled embeddings it takes.
    """

    own: NDArray[np.float32]
    directions: NDArray[np.float32]
    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]
    comparison: Comparison = COSINE

    @classmethod
    def of_full_rank(
        cls, kernel: NDArray[np.float32], bias: NDArray[np.float32]
    ) -> "ResponseDecoder":
        """Make one of a dense layer, ``h W + b``: W of shape (D, K, D), b of shape (K, D)."""
        nothing = np.zeros(len(bias), np.float32)
        return cls(nothing, np.eye(len(kernel), dtype=np.float32), kernel, bias)

    @property
    def side(self) -> int:
        """Superpixels along one side."""
        return round(len(self.bias) ** 0.5)

    def __call__(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict responses, float32, shape (N, K, D), from embeddings as they are, (N, D)."""
        return self.of_scaled(self.comparison.scale(embeddings))

    def of_scaled(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict the same from scaled embeddings."""
        responses = np.tensordot(embeddings @ self.directions, self.kernel, axes=1) + self.bias
        responses += self.own[:, np.newaxis] * embeddings[:, np.newaxis]
        return responses.astype(np.float32, copy=False)

    def dense_kernel(self) -> NDArray[np.float32]:
        """All that takes the embedding as one layer's weights, float32, shape (D, K, D)."""
        identity = np.eye(len(self.directions), dtype=np.float32)
        if np.array_equal(self.directions, identity) and not self.own.any():
            return self.kernel  # to the bit: a sum would change the sign of zeros
        own = self.own[:, np.newaxis].astype(np.float64) * identity[:, np.newaxis]
        seen = np.tensordot(self.directions.astype(np.float64), self.kernel, axes=1)
        return np.add(own, seen, dtype=np.float64).astype(np.float32)


@float32_layers()
def to_keras(decoder: ResponseDecoder) -> Any:
    """Put the weights into a Keras network, which leaves the scaling to others.

    Of full rank it is one dense layer.

    Returns
    -------
    keras.Model
        From scaled embeddings, shape (batch, D), to responses, shape (batch, side, side, D): as a
        bundle's file has it, whose engine does the scaling.
    """
    keras = require("keras", "train")
    layers = keras.layers
    dimension, rank = decoder.directions.shape
    superpixels, side = len(decoder.bias), decoder.side
    of_full_rank = rank == dimension
    embedding = keras.Input((dimension,), name="embedding")
    seen = embedding
    if not of_full_rank:
        seen = layers.Dense(rank, use_bias=False, name="directions")(embedding)
    given = layers.Dense(superpixels * dimension, name="superpixels")(seen)
    given = layers.Reshape((side, side, dimension), name="response")(given)
    if not of_full_rank:
        column = layers.Reshape((dimension, 1), name="column")(embedding)
        own = layers.Dense(superpixels, use_bias=False, name="own")(column)
        own = layers.Permute((2, 1), name="by_superpixel")(own)
        own = layers.Reshape((side, side, dimension), name="own_response")(own)
        given = layers.Add(name="responses")([given, own])
    model = keras.Model(embedding, given, name="response_decoder")
    kernel = decoder.dense_kernel() if of_full_rank else decoder.kernel
    flat = [kernel.reshape(rank, -1), decoder.bias.reshape(-1)]
    model.get_layer("superpixels").set_weights(flat)
    if not of_full_rank:
        model.get_layer("directions").set_weights([decoder.directions])
        model.get_layer("own").set_weights([decoder.own[np.newaxis]])
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
