"""How a surrogate is trained: sizes of its network, steps, and weights in the loss."""

from dataclasses import dataclass

import numpy as np

from lpel_serving.support.errors import ParameterError
from lpel_tf.surrogates.network import Sizes


@dataclass(frozen=True)
class SurrogateRecipe:
    """How a surrogate is trained.

    Attributes
    ----------
    channels
        Numbers that the local features of a superpixel are reduced to.
    reduced_on
        Training photographs that the reduction is fitted on, at most.
    token, state, dense
        Sizes of the network: see `lpel_tf.surrogates.network.Sizes`.
    along
        Weight of the squared errors along the image's own embedding and along the donor's, beside
        the squared error of the whole: similarities depend on such directions alone.
    size_power
        A coalition of n superpixels weighs ``n ** -size_power``, or the largest would dominate.
    without_local
        Share of the photographs whose local features are 0 in a step, so that the network also
        learns what the embedding alone says.
    weight_decay
        Of AdamW, which leaves less unexplained than Adamax after as many epochs.
    epochs, batch_size, learning_rate, patience, seed
        As in `lpel_tf.decoders.training.Recipe`; a step is of so many photographs, with all their
        coalitions, and the learning rate falls to 0 along a half cosine.
    """

    channels: int = 256
    reduced_on: int = 1200
    token: int = 96
    state: int = 256
    dense: int = 256
    along: float = 1.0
    size_power: float = 0.7
    without_local: float = 0.1
    epochs: int = 40
    batch_size: int = 32
    learning_rate: float = 0.0015
    weight_decay: float = 1e-4
    patience: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        counts = (self.channels, self.reduced_on, self.token, self.state, self.dense)
        counts += (self.epochs, self.batch_size, self.patience)
        if min(counts) < 1 or self.seed < 0:
            raise ParameterError(
                f"sizes, epochs, batch size and patience are 1 or more, the seed 0 or more; "
                f"received {self}."
            )
        weights = (self.along, self.size_power, self.weight_decay, self.learning_rate)
        if not np.isfinite(weights).all() or min(weights) < 0 or self.learning_rate == 0:
            raise ParameterError(
                "the weights in the loss are 0 or more, the learning rate above 0, all finite; "
                f"received {self.along}, {self.size_power}, {self.weight_decay} and "
                f"{self.learning_rate}."
            )
        if not 0 <= self.without_local < 1:
            raise ParameterError(
                f"the share without local features is 0 or more and below 1; received "
                f"{self.without_local}."
            )

    def sizes(self, dimension: int, side: int, channels: int, fills: int) -> Sizes:
        """The network's sizes for embeddings of length D, and features of so many channels."""
        return Sizes(dimension, side, channels, fills, self.token, self.state, self.dense)
