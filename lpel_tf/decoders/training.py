"""Training of the decoder with Adamax (section 5.2); it resumes after any epoch."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.similarity import typical_length
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.extras import require
from lpel_serving.support.progress import Progress, silent
from lpel_tf.data.dataset import FaceSet
from lpel_tf.decoders.decoder import LEARNING_RATE, build_decoder
from lpel_tf.decoders.least_squares import LinearDecoder
from lpel_tf.decoders.whitening import Whitening, no_whitening, whitening
from lpel_tf.networks.embedding_checks import check_embeddings
from lpel_tf.support.checkpoint import run_epochs
from lpel_tf.support.errors import TrainingDataError


@dataclass(frozen=True)
class Recipe:
    """How a decoder is trained.

    Attributes
    ----------
    epochs
        At most so many.
    batch_size
        Faces in a step.
    learning_rate
        Of Adamax at the start, as in the thesis.
    decay
        Whether it falls to 0 along a half cosine; constant, as in the thesis, if not.
    whiten
        Whether Adamax works in whitened coordinates, folded back into the weights afterwards.
    noise
        Standard deviation of the noise that every feature is taken to carry, as a share of the
        embeddings' typical length: the decoder is the one that does best under it. 0.0005 is half
        a unit in the last place of a float16.
    patience
        Training stops when the validation loss has not fallen for so many epochs.
    seed
        Of the order of the faces.
    """

    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = LEARNING_RATE
    decay: bool = True
    whiten: bool = True
    noise: float = 0.0005
    patience: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size, self.patience) < 1 or self.seed < 0:
            raise ParameterError(
                "epochs, batch size and patience are 1 or more, the seed 0 or more; received "
                f"{self.epochs}, {self.batch_size}, {self.patience} and {self.seed}."
            )
        if not (0 < self.learning_rate < np.inf and 0 <= self.noise < np.inf):
            raise ParameterError(
                "the learning rate is above 0 and the noise 0 or more, both finite; received "
                f"{self.learning_rate} and {self.noise}."
            )

    @property
    def ridge(self) -> bool:
        """Whether the noise weighs on the weights, so that few faces are enough for one optimum."""
        return self.whiten and self.noise > 0

    def noise_on(self, embeddings: NDArray[np.float32]) -> float:
        """Standard deviation of the noise on each feature of such embeddings, shape (N, D)."""
        return self.noise * typical_length(embeddings)


@dataclass(frozen=True)
class Epoch:
    """Mean squared error after an epoch: on the training faces, penalty included, and on others."""

    train: float
    validation: float


@dataclass(frozen=True)
class Trained:
    """A trained decoder and how it came about; the weights are those of the best epoch."""

    decoder: LinearDecoder
    history: tuple[Epoch, ...]
    best_epoch: int
    recipe: Recipe = field(default_factory=Recipe)


def train_decoder(
    train: FaceSet,
    validation: FaceSet,
    recipe: Recipe,
    *,
    start: LinearDecoder | None = None,
    checkpoint: Path | None = None,
    progress: Progress = silent,
) -> Trained:
    """Train the dense decoder on embeddings (Eq. 4.1).

    Interrupted and started again with the same checkpoint, it ends with the same bytes as without
    the interruption.

    Parameters
    ----------
    train, validation
        Faces of different people.
    recipe
        How to train.
    start
        The decoder to start from; when None the mean face in whitened coordinates, and random
        weights in raw ones.
    checkpoint
        File that keeps the state after each epoch; none when None.
    progress
        ReportProgress of each epoch.

    Raises
    ------
    TrainingDataError
        If there are no more training faces than features and the recipe has no noise, none for
        validation, or the embeddings say nothing of the faces: see
        `lpel_tf.networks.embedding_checks.check_embeddings`.
    """
    check_faces(train, validation, ridge=recipe.ridge)
    keras = require("keras", "train")
    dimension = train.embeddings.shape[1]
    white = (
        whitening(train.embeddings, recipe.noise_on(train.embeddings))
        if recipe.whiten
        else no_whitening(dimension, typical_length(train.embeddings))
    )
    model = _compiled(keras, train, white, recipe)
    if start is not None:
        model.get_layer("pixels").set_weights(white.unfold(start))
    identity = _identity(train, validation, recipe, start)
    z, z_validation = white(train.embeddings), white(validation.embeddings)
    state = run_epochs(
        model,
        "decoder",
        (recipe.epochs, recipe.patience),
        identity,
        checkpoint,
        lambda epoch: _train_epoch(model, z, train.targets, recipe, epoch=epoch),
        lambda: _loss(model, z_validation, validation.targets),
        progress,
    )
    history = tuple(Epoch(*losses) for losses in state.history)
    return Trained(
        white.fold(*state.best_weights, shape=train.target_shape),
        history,
        state.best_epoch(),
        recipe,
    )


def check_faces(train: FaceSet, validation: FaceSet, *, ridge: bool = False) -> None:
    """Raise `TrainingDataError` unless a decoder can be trained on these images.

    With a ridge on the weights there is one best decoder, however few images there are. Without it,
    and without more images than features, many fit them equally well.
    """
    n, dimension = train.embeddings.shape
    least = 2 if ridge else dimension + 1
    if n < least:
        way = "" if ridge else ", or train with noise on the embeddings, in whitened coordinates"
        raise TrainingDataError(
            f"{n} images are too few to train a decoder of {dimension} features"
            f"{'' if ridge else ' without noise, for many fit them equally well'}: give more than "
            f"{least - 1}, thousands are better{way}."
        )
    if not len(validation):
        raise TrainingDataError(
            "no images are left for validation: give more images, of more of those that are told "
            "apart."
        )
    check_embeddings(np.concatenate([train.embeddings, validation.embeddings]))


def _compiled(keras: Any, train: FaceSet, white: Whitening, recipe: Recipe) -> Any:
    penalty = _noise_penalty(keras, white.noise_share) if recipe.whiten else None
    model = build_decoder(train.embeddings.shape[1], train.target_shape, penalty)
    layer = model.get_layer("pixels")
    if recipe.whiten:
        # Start from the mean face, from where every direction is equally far.
        mean = train.targets.reshape(len(train), -1).mean(axis=0) / 255
        layer.set_weights([np.zeros(layer.kernel.shape, np.float32), mean.astype(np.float32)])
    else:
        glorot = keras.initializers.GlorotUniform(recipe.seed)
        layer.set_weights([glorot(layer.kernel.shape), np.zeros(layer.bias.shape, np.float32)])
    steps = recipe.epochs * -(-len(train) // recipe.batch_size)
    rate = (
        keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
        if recipe.decay
        else recipe.learning_rate
    )
    model.compile(optimizer=keras.optimizers.Adamax(rate), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def _noise_penalty(keras: Any, share: NDArray[np.float64]) -> Callable[[Any], Any]:
    """What independent noise on the embeddings adds to the expected loss, in closed form."""
    weight = keras.ops.convert_to_tensor(share[:, np.newaxis], dtype="float32")

    def penalty(kernel: Any) -> Any:
        pixels = kernel.shape[1]
        return keras.ops.sum(weight * keras.ops.square(kernel)) / pixels

    return penalty


def _train_epoch(
    model: Any, z: NDArray[np.float32], targets: NDArray[np.uint8], recipe: Recipe, *, epoch: int
) -> float:
    # The order depends on the epoch alone, so that a resumed training repeats it.
    order = np.random.default_rng((recipe.seed, epoch)).permutation(len(z))
    total = 0.0
    for chosen in np.split(order, range(recipe.batch_size, len(z), recipe.batch_size)):
        model.reset_metrics()  # so that the loss is this batch's, whatever Keras averages over
        loss = model.train_on_batch(z[chosen], targets[chosen] / np.float32(255))
        total += float(loss) * len(chosen)
    return total / len(z)


def _loss(model: Any, z: NDArray[np.float32], targets: NDArray[np.uint8]) -> float:
    total = 0.0
    for start in range(0, len(z), 1024):
        pixels = targets[start : start + 1024] / np.float32(255)
        total += float(np.sum((model.predict_on_batch(z[start : start + 1024]) - pixels) ** 2))
    return total / targets.size


def _identity(
    train: FaceSet, validation: FaceSet, recipe: Recipe, start: LinearDecoder | None
) -> dict[str, Any]:
    """What a checkpoint must have in common with a training that goes on from it."""
    arrays: list[NDArray[Any]] = [train.embeddings, train.targets]
    arrays += [validation.embeddings, validation.targets]
    if start is not None:
        arrays += [start.kernel, start.bias]
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return asdict(recipe) | {"data": digest.hexdigest()}
