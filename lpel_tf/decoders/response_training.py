"""Trains the response decoder on what embeddings lose when superpixels are hidden together.

The losses of a coalition are to be the sum of its members' responses, as in FastSHAP (Jethani et
al. 2022), whose explainer sees the image; ours sees the embedding alone. Three priors save
thousands of photographs: a superpixel takes mainly a share of the embedding itself; neighbours have
similar responses; and what depends on the face, not on the position alone, lies in the directions
in which embeddings vary most: where embeddings are long, in some of these alone, so that the
weights grow with their length and not with its square. All three are linear, and are folded
afterwards.
"""

import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.attribution import spatial_kernel
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.extras import require
from lpel_serving.support.progress import Progress, silent
from lpel_tf.decoders.decoder import LEARNING_RATE
from lpel_tf.decoders.response_decoder import ResponseDecoder
from lpel_tf.decoders.response_table import ResponseTable
from lpel_tf.decoders.training import Epoch
from lpel_tf.networks.embedding_checks import check_embeddings
from lpel_tf.support.checkpoint import run_epochs
from lpel_tf.support.errors import TrainingDataError
from lpel_tf.support.policy import float32_layers

_FAINT = 1e-3


@dataclass(frozen=True)
class ResponseRecipe:
    """How a response decoder is trained.

    Attributes
    ----------
    smoothness
        Reach of the kernel by which neighbouring superpixels respond alike; 0 for none.
    ridge
        Weight of the squares of the weights, in smooth and scaled coordinates.
    rank
        Of how many principal directions of the embeddings responses are a function at most.
    epochs, batch_size, learning_rate, patience, seed
        As in `lpel_tf.decoders.training.Recipe`; a step is of so many photographs, with all their
        coalitions, and the learning rate falls to 0 along a half cosine.
    """

    smoothness: float = 1.0
    ridge: float = 5.0
    rank: int = 128
    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = LEARNING_RATE
    patience: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        counts = (self.epochs, self.batch_size, self.patience, self.rank)
        if min(counts) < 1 or self.seed < 0:
            raise ParameterError(
                "epochs, batch size, patience and rank are 1 or more, the seed 0 or more; received "
                f"{', '.join(map(str, counts))} and {self.seed}."
            )
        finite = np.isfinite([self.smoothness, self.ridge, self.learning_rate]).all()
        if not finite or min(self.smoothness, self.ridge) < 0 or self.learning_rate <= 0:
            raise ParameterError(
                "smoothness and ridge are 0 or more, the learning rate above 0, all finite; "
                f"received {self.smoothness}, {self.ridge} and {self.learning_rate}."
            )


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Preconditioned coordinates, in which the prior is near the origin.

    Attributes
    ----------
    mean, directions
        Features are 1 and ``(h - mean) @ directions``: shapes (D,) and (D, r). The directions are
        principal and of one scale, so that the weaker ones, which vary less, count for less.
    modes
        Smooth patterns on the grid, shape (K, S), each as large as it is likely.
    """

    mean: NDArray[np.float64]
    directions: NDArray[np.float64]
    modes: NDArray[np.float64]

    def features(self, embeddings: Floats) -> Floats:
        """Shape (N, 1 + r)."""
        scaled = (embeddings - self.mean) @ self.directions
        return np.concatenate([np.ones((len(scaled), 1)), scaled], axis=1).astype(np.float32)

    def fold(self, own: Floats, kernel: Floats) -> ResponseDecoder:
        """Turn trained weights into a decoder of scaled embeddings.

        Parameters
        ----------
        own
            Share of the embedding itself that each superpixel takes, shape (K, 1).
        kernel
            Of the modes by the features, shape (1 + r, S * D).
        """
        by_mode = kernel.astype(np.float64).reshape(len(kernel), -1, len(self.mean))
        by_place = np.einsum("ks,fsd->fkd", self.modes, by_mode)
        bias = by_place[0] - np.tensordot(self.mean @ self.directions, by_place[1:], axes=1)
        return ResponseDecoder(
            own[:, 0].astype(np.float32),
            self.directions.astype(np.float32),
            by_place[1:].astype(np.float32),
            bias.astype(np.float32),
        )


def coordinates(embeddings: Floats, superpixels: int, recipe: ResponseRecipe) -> Coordinates:
    """Choose them for the embeddings, shape (N, D), of the training photographs."""
    h = embeddings.astype(np.float64)
    mean = h.mean(axis=0)
    variance, axes = np.linalg.eigh(np.cov(h - mean, rowvar=False, bias=True))
    varies = np.count_nonzero(variance > _FAINT**2 * variance[-1])
    rank = min(max(int(varies), 1), recipe.rank)
    likely, patterns = np.linalg.eigh(spatial_kernel(superpixels, recipe.smoothness))
    there = likely > _FAINT * likely[-1]
    return Coordinates(
        mean,
        axes[:, -rank:] / np.sqrt(max(variance[-1], _FAINT**2 * np.square(h).sum(axis=1).mean())),
        patterns[:, there] * np.sqrt(likely[there]),
    )


@dataclass(frozen=True)
class TrainedResponses:
    """A trained response decoder and how it came about; the weights are those of the best epoch."""

    decoder: ResponseDecoder
    history: tuple[Epoch, ...]
    best_epoch: int
    recipe: ResponseRecipe = field(default_factory=ResponseRecipe)


def train_responses(
    train: ResponseTable,
    validation: ResponseTable,
    recipe: ResponseRecipe,
    *,
    checkpoint: Path | None = None,
    progress: Progress = silent,
) -> TrainedResponses:
    """Train a response decoder.

    Interrupted and started again with the same checkpoint, it ends with the same bytes as without
    the interruption.

    Parameters
    ----------
    train, validation
        Tables of different people.
    recipe
        How to train.
    checkpoint
        File that keeps the state after each epoch; none when None.
    progress
        ReportProgress of each epoch.

    Raises
    ------
    TrainingDataError
        If a table is empty, or the embeddings say nothing of the faces: see
        `lpel_tf.networks.embedding_checks.check_embeddings`.
    """
    if not len(train) or not len(validation):
        raise TrainingDataError(
            f"responses are learnt from photographs for training and others for validation; "
            f"received {len(train)} and {len(validation)}: give more people."
        )
    check_embeddings(np.concatenate([train.embeddings, validation.embeddings]))
    keras = require("keras", "train")
    place = coordinates(train.embeddings, train.coalitions.shape[2], recipe)
    model = _compiled(keras, place, train, recipe)
    identity = _identity(train, validation, recipe)
    state = run_epochs(
        model,
        "response decoder",
        (recipe.epochs, recipe.patience),
        identity,
        checkpoint,
        lambda epoch: _train_epoch(model, place, train, recipe, epoch=epoch),
        lambda: _loss(model, place, validation),
        progress,
    )
    history = tuple(Epoch(*losses) for losses in state.history)
    # Keras orders weights as it orders layers; the shapes distinguish the two.
    own, kernel = sorted(state.best_weights, key=lambda weights: weights.shape[1] > 1)
    return TrainedResponses(place.fold(own, kernel), history, state.best_epoch(), recipe)


@float32_layers()
def _compiled(keras: Any, place: Coordinates, train: ResponseTable, recipe: ResponseRecipe) -> Any:
    """Losses of coalitions from features, members and the embedding; linear, from 0."""
    _, count, superpixels = train.coalitions.shape
    dimension, modes = len(place.mean), place.modes.shape[1]
    features = keras.Input((1 + place.directions.shape[1],), name="features")
    members = keras.Input((count, superpixels), name="members")
    smooth = keras.Input((count, modes), name="smooth_members")
    h = keras.Input((1, dimension), name="embedding")
    layers = keras.layers
    own = layers.Dense(1, use_bias=False, kernel_initializer="zeros", name="own")(members)
    # The penalty is per photograph and number, as the loss is; closed form and training agree.
    penalty = keras.regularizers.L2(recipe.ridge / (len(train) * dimension))
    by_mode = layers.Dense(
        modes * dimension,
        use_bias=False,
        kernel_initializer="zeros",
        kernel_regularizer=penalty,
        name="by_mode",
    )(features)
    by_mode = layers.Reshape((modes, dimension))(by_mode)
    lost = layers.Add()([layers.Dot((2, 1))([own, h]), layers.Dot((2, 1))([smooth, by_mode])])
    model = keras.Model([features, members, smooth, h], lost)
    steps = recipe.epochs * -(-len(train) // recipe.batch_size)
    rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    model.compile(optimizer=keras.optimizers.Adamax(rate), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def _batch(
    place: Coordinates, table: ResponseTable, chosen: NDArray[np.int64]
) -> tuple[list[Floats], Floats]:
    """Inputs and targets; larger coalitions weigh less, or they would dominate the loss."""
    coalitions = table.coalitions[chosen].astype(np.float32)
    weight = 1 / np.sqrt(np.maximum(coalitions.sum(axis=2, keepdims=True), 1))
    members = coalitions * weight
    h = table.embeddings[chosen]
    smooth = (members @ place.modes).astype(np.float32)
    inputs = [place.features(h), members, smooth, h[:, np.newaxis]]
    return inputs, table.losses[chosen].astype(np.float32) * weight


def _train_epoch(
    model: Any, place: Coordinates, table: ResponseTable, recipe: ResponseRecipe, *, epoch: int
) -> float:
    # The order depends on the epoch alone, so that a resumed training repeats it.
    order = np.random.default_rng((recipe.seed, epoch)).permutation(len(table))
    total = 0.0
    for chosen in np.split(order, range(recipe.batch_size, len(table), recipe.batch_size)):
        model.reset_metrics()  # so that the loss is this batch's, whatever Keras averages over
        total += float(model.train_on_batch(*_batch(place, table, chosen))) * len(chosen)
    return total / len(table)


def _loss(model: Any, place: Coordinates, table: ResponseTable) -> float:
    total = 0.0
    for start in range(0, len(table), 256):
        inputs, lost = _batch(place, table, np.arange(start, min(start + 256, len(table))))
        total += float(np.square(model.predict_on_batch(inputs) - lost).sum())
    return total / table.losses.size


def _identity(
    train: ResponseTable, validation: ResponseTable, recipe: ResponseRecipe
) -> dict[str, Any]:
    """What a checkpoint must have in common with a training that goes on from it."""
    digest = hashlib.sha256()
    for table in (train, validation):
        for array in (table.embeddings, table.coalitions, table.losses):
            digest.update(np.ascontiguousarray(array).data)
    return asdict(recipe) | {"data": digest.hexdigest()}
