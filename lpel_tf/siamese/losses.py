"""The losses that siamese networks are trained with (section 2.1.3), as Keras takes them.

The thesis sums over pairs or triplets; Keras averages over a batch, which has the same minimum.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lpel_serving.support.errors import ParameterError
from lpel_serving.support.extras import require

REFERENCE, TEST = 0, 1
"""Places of a pair's embeddings in what a model of pairs gives."""
ANCHOR, POSITIVE, NEGATIVE = 0, 1, 2
"""Places of a triplet's embeddings in what a model of triplets gives."""
TINY = 1e-12
"""Added under a root, which has no slope at 0: equal images would make every weight NaN."""


@dataclass(frozen=True)
class ContrastiveLoss:
    """Eq. 2.3 (Hadsell et al. 2006): alike are drawn together, others pushed apart.

    ``(1 - z) ||h_i - h_j||^2 + z max(0, alpha - ||h_i - h_j||^2)``

    It is called with z, 1 where the two are of different classes and 0 where they are of one, shape
    (batch,), and with the embeddings of pairs, shape (batch, 2, D); it gives the loss of each pair,
    shape (batch,).

    Attributes
    ----------
    alpha
        The squared distance from which on different ones are far enough apart.

    Raises
    ------
    ParameterError
        If alpha is not above 0.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        _check_margin(self.alpha)

    def __call__(self, z: Any, embeddings: Any) -> Any:
        """Compute the loss of each pair."""
        ops = require("keras", "train").ops
        squared = _squared_distance(embeddings[:, REFERENCE], embeddings[:, TEST])
        z = ops.reshape(ops.cast(z, squared.dtype), [-1])
        return (1 - z) * squared + z * ops.maximum(0.0, self.alpha - squared)


@dataclass(frozen=True)
class TripletLoss:
    """FaceNet's triplet loss (Schroff et al. 2015), which Eq. 2.1 is meant to be.

    ``max(0, ||h_a - h_p||^2 - ||h_a - h_n||^2 + alpha)``

    Eq. 2.1 as it is printed takes the distance of the positive as it is and that of the negative
    squared; by Eq. 2.2, and in the paper that it cites, both are of one kind: squared here, and
    with ``squared=False`` as they are, which is Eq. 2.2.

    It is called with the embeddings of triplets, anchor, positive and negative, shape (batch, 3,
    D), and with anything for the targets, which it does not look at; it gives the loss of each
    triplet, shape (batch,).

    Attributes
    ----------
    alpha
        By how much the negative is to be farther away than the positive.
    squared
        Whether distances are squared.

    Raises
    ------
    ParameterError
        If alpha is not above 0.
    """

    alpha: float = 0.2
    squared: bool = True

    def __post_init__(self) -> None:
        _check_margin(self.alpha)

    def __call__(self, _: Any, embeddings: Any) -> Any:
        """Compute the loss of each triplet."""
        ops = require("keras", "train").ops
        anchor = embeddings[:, ANCHOR]
        positive, negative = (
            _squared_distance(anchor, embeddings[:, place]) for place in (POSITIVE, NEGATIVE)
        )
        if not self.squared:
            positive, negative = (ops.sqrt(one + TINY) for one in (positive, negative))
        return ops.maximum(0.0, positive - negative + self.alpha)


def center_loss(classes: int, weight: float, rate: float = 0.5) -> Any:
    """Make the layer that learns the centers of the classes (Eq. 2.5 and 2.6; Wen et al. 2016).

    It takes embeddings, shape (batch, D), with their classes, whole numbers, shape (batch,), and
    gives the embeddings as they are. To the loss of its model it adds ``lambda`` times Eq. 2.5, as
    a mean over the batch, so that with a softmax loss (Eq. 2.4) the sum is Eq. 2.7, whose plus is
    missing in print. While the model is trained the centers move after each batch by Eq. 2.6; no
    gradient moves them.

    Parameters
    ----------
    classes
        How many there are.
    weight
        ``lambda`` of Eq. 2.7.
    rate
        ``alpha`` of Eq. 2.6, at which the centers follow, in (0, 1].

    Returns
    -------
    keras.layers.Layer
        Its weight `centers` has shape (classes, D), and begins at 0.

    Raises
    ------
    ParameterError
        If there are fewer than 2 classes, the weight is below 0, or the rate is not in (0, 1].
    """
    if classes < 2 or not 0 <= weight < np.inf or not 0 < rate <= 1:
        raise ParameterError(
            "centers are of 2 classes or more, their loss weighs 0 or more, and they follow at a "
            f"rate above 0 and at most 1; received {classes}, {weight} and {rate}."
        )
    keras = require("keras", "train")
    ops = keras.ops

    class CenterLoss(keras.layers.Layer):
        def build(self, shapes: Any) -> None:
            dimension = shapes[0][-1]
            self.centers = self.add_weight(
                shape=(classes, dimension), initializer="zeros", trainable=False, name="centers"
            )

        def call(self, inputs: Any, training: bool = False) -> Any:
            h, labels = inputs
            of_class = ops.one_hot(ops.reshape(labels, [-1]), classes, dtype=h.dtype)
            # As they are before the batch moves them; the gradient is that of the embeddings.
            apart = h - ops.matmul(of_class, ops.convert_to_tensor(self.centers))
            self.add_loss(weight / 2 * ops.mean(ops.sum(ops.square(apart), axis=1)))
            if training:
                seen = ops.sum(of_class, axis=0)[:, np.newaxis]
                pulled = ops.matmul(ops.transpose(of_class), ops.stop_gradient(-apart))
                self.centers.assign(self.centers - rate * pulled / (1 + seen))
            return h

    return CenterLoss(name="center_loss")


def _squared_distance(h_i: Any, h_j: Any) -> Any:
    ops = require("keras", "train").ops
    return ops.sum(ops.square(h_i - h_j), axis=-1)


def _check_margin(alpha: float) -> None:
    if not 0 < alpha < np.inf:
        raise ParameterError(f"the margin alpha is above 0 and finite; received {alpha}.")
