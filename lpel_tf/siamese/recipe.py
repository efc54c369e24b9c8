"""How a siamese network is trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from lpel_serving.support.errors import ParameterError
from lpel_tf.siamese.drawing import Hardness

LossName = Literal["contrastive", "triplet", "centers", "head"]
"""Eq. 2.3; Eq. 2.1; softmax with centers, Eq. 2.7; a learned head (Koch et al. 2015)."""
ComparesBy = Literal["cosine", "euclidean", "head"]
_MARGINS = {"contrastive": 1.0, "triplet": 0.2}
_COMPARE_BY: Mapping[LossName, ComparesBy] = {
    "contrastive": "euclidean",
    "triplet": "euclidean",
    "centers": "cosine",
    "head": "head",
}


@dataclass(frozen=True)
class SiameseRecipe:
    """How a siamese network is trained.

    Attributes
    ----------
    loss
        What it is trained by.
    dimension
        Length D of the embeddings of a tower that is built here.
    alpha
        The margin of the contrastive loss (1 when None) and of the triplet loss (0.2).
    hardness
        Which negatives triplets have.
    center_weight
        ``lambda`` of Eq. 2.7.
    epochs, patience
        At most so many, and so many without a better order of the validation pairs.
    batch_size, learning_rate
        Of Adam; a batch is of so many pairs, triplets or images. An epoch draws as many as there
        are images.
    seed
        Of the weights at the start and of all that is drawn.

    Raises
    ------
    ParameterError
        If one of them is out of range.
    """

    loss: LossName = "contrastive"
    dimension: int = 32
    alpha: float | None = None
    hardness: Hardness = "semi-hard"
    center_weight: float = 0.01
    epochs: int = 20
    patience: int = 5
    batch_size: int = 128
    learning_rate: float = 0.001
    seed: int = 0

    def __post_init__(self) -> None:
        if self.loss not in get_args(LossName) or self.hardness not in get_args(Hardness):
            raise ParameterError(
                f"a loss is one of {', '.join(get_args(LossName))}, and negatives are "
                f"{', '.join(get_args(Hardness))}; received {self.loss!r} and {self.hardness!r}."
            )
        whole = (self.dimension, self.epochs, self.patience, self.batch_size)
        if min(whole) < 1 or self.seed < 0:
            raise ParameterError(
                "dimension, epochs, patience and batch size are 1 or more, the seed 0 or more; "
                f"received {', '.join(map(str, whole))} and {self.seed}."
            )
        if not (0 < self.learning_rate < np.inf and 0 <= self.center_weight < np.inf):
            raise ParameterError(
                "the learning rate is above 0, the centers' weight 0 or more, both finite; "
                f"received {self.learning_rate} and {self.center_weight}."
            )
        if self.alpha is not None and not 0 < self.alpha < np.inf:
            raise ParameterError(f"a margin is finite and above 0; received {self.alpha}.")

    @property
    def margin(self) -> float:
        """``alpha``, or what is usual with the loss."""
        return _MARGINS.get(self.loss, 1.0) if self.alpha is None else self.alpha

    @property
    def compares_by(self) -> ComparesBy:
        """How a network that is trained so compares two embeddings."""
        return _COMPARE_BY[self.loss]
