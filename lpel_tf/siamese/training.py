"""Trains a siamese network on images and their classes; it resumes after any epoch."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from lpel_serving.equations.comparison import COSINE, Euclidean
from lpel_serving.support.arrays import Floats
from lpel_serving.support.extras import require
from lpel_serving.support.progress import Progress, silent
from lpel_serving.verification.accuracy import area_under, roc_points
from lpel_tf.siamese.batches import as_batches
from lpel_tf.siamese.drawing import Classes, Drawn, draw_pairs, draw_singles, draw_triplets
from lpel_tf.siamese.evaluation import Evaluation, Similarity, evaluate, scored_pairs
from lpel_tf.siamese.image_set import ImageSet
from lpel_tf.siamese.losses import ContrastiveLoss, TripletLoss
from lpel_tf.siamese.models import classifier, learned_head, siamese, side_by_side, small_tower
from lpel_tf.siamese.recipe import SiameseRecipe
from lpel_tf.support.checkpoint import run_epochs
from lpel_tf.support.policy import float32_layers

_AT_ONCE = 256
_VALIDATION_PAIRS = 2000


@dataclass(frozen=True)
class SiameseEpoch:
    """An epoch: its mean loss, and the share of validation pairs in the wrong order, 1 - AUC."""

    loss: float
    misordered: float


@dataclass(frozen=True, eq=False)
class TrainedSiamese:
    """A trained siamese network and how it came about; the weights are those of the best epoch.

    Attributes
    ----------
    tower
        A Keras model from pixels, 0 to 255, shape (batch, H, W, C), to embeddings, (batch, D).
    head
        The learned head, a Keras model of two embeddings, if it has one.
    history
        Of its epochs.
    best_epoch
        From 1.
    recipe
        How it was trained.
    """

    tower: Any
    head: Any | None
    history: tuple[SiameseEpoch, ...]
    best_epoch: int
    recipe: SiameseRecipe

    @property
    def comparison(self) -> Any:
        """What `lpel_tf.train_bundle` takes: ``cosine``, ``euclidean``, or the head."""
        return self.recipe.compares_by if self.head is None else self.head

    def evaluate(self, images: ImageSet) -> Evaluation:
        """Measure it on images that it was not trained on."""
        h = embed(self.tower, images)
        rng = np.random.default_rng(self.recipe.seed)
        return evaluate(h, images.classes, similarity_by(self.recipe, self.head), rng)


@dataclass(frozen=True, eq=False)
class _Network:
    """A tower with a head or none, and the model by which both are trained."""

    tower: Any
    head: Any | None
    model: Any


def train_siamese(
    train: ImageSet,
    validation: ImageSet,
    recipe: SiameseRecipe,
    *,
    tower: Any | None = None,
    checkpoint: Path | None = None,
    progress: Progress = silent,
) -> TrainedSiamese:
    """Train a siamese network (section 2.1.3).

    Training stops when the order of the validation pairs, the same for every loss, has not become
    better for so many epochs. Interrupted and started again with the same checkpoint, it ends with
    the same weights as without the interruption.

    Parameters
    ----------
    train, validation
        Different images, or images of different classes.
    recipe
        How to train.
    tower
        A Keras model from pixels, 0 to 255, shape (batch, H, W, C), to vectors, (batch, D), with
        its weights as they are to be at the start; built by `small_tower` when None.
    checkpoint
        File that keeps the state after each epoch; none when None.
    progress
        Reports each epoch.

    Raises
    ------
    TrainingDataError
        If either has fewer than two classes, or no class with two images.
    """
    classes, unseen = train.classes, validation.classes
    network = _compiled(train, classes, recipe, tower)
    similar = similarity_by(recipe, network.head)

    def misordered() -> float:
        rng = np.random.default_rng(recipe.seed)
        h = embed(network.tower, validation)
        return 1 - area_under(roc_points(*scored_pairs(h, unseen, similar, _VALIDATION_PAIRS, rng)))

    state = run_epochs(
        network.model,
        "siamese network",
        (recipe.epochs, recipe.patience),
        _identity(train, validation, network, recipe),
        checkpoint,
        partial(_train_epoch, network, train, classes, recipe),
        misordered,
        progress,
    )
    network.model.set_weights(list(state.best_weights))
    history = tuple(SiameseEpoch(*losses) for losses in state.history)
    return TrainedSiamese(network.tower, network.head, history, state.best_epoch(), recipe)


def embed(tower: Any, images: ImageSet) -> Floats:
    """Embed images, float32, shape (N, D)."""
    parts = range(0, len(images), _AT_ONCE)
    pixels = (images.pixels[start : start + _AT_ONCE] for start in parts)
    return np.concatenate([tower.predict_on_batch(one.astype(np.float32)) for one in pixels])


def similarity_by(recipe: SiameseRecipe, head: Any | None) -> Similarity:
    """How a network that is trained so compares: larger is more alike."""
    if head is not None:
        return lambda h_r, h_t: cast("Floats", head.predict_on_batch([h_r, h_t])[:, 0])
    return COSINE.similarity if recipe.compares_by == "cosine" else Euclidean(1.0).similarity


@float32_layers()
def _compiled(
    train: ImageSet, classes: Classes, recipe: SiameseRecipe, given: Any | None
) -> _Network:
    keras = require("keras", "train")
    tower: Any = _new_tower(train, recipe) if given is None else given
    head = learned_head(int(tower.output_shape[-1])) if recipe.loss == "head" else None
    loss: Any
    match recipe.loss:
        case "contrastive":
            model, loss = side_by_side(tower, 2), ContrastiveLoss(recipe.margin)
        case "triplet":
            model, loss = side_by_side(tower, 3), TripletLoss(recipe.margin)
        case "centers":
            many = len(classes.members)
            model = classifier(tower, many, recipe.center_weight, seed=recipe.seed)
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        case "head":
            model, loss = siamese(tower, head), "binary_crossentropy"
    model.compile(keras.optimizers.Adam(recipe.learning_rate), loss)
    model.optimizer.build(model.trainable_variables)
    return _Network(tower, head, model)


def _new_tower(train: ImageSet, recipe: SiameseRecipe) -> Any:
    unit_length = recipe.loss == "triplet"
    return small_tower(train.shape, recipe.dimension, unit_length=unit_length, seed=recipe.seed)


def _train_epoch(
    network: _Network, train: ImageSet, classes: Classes, recipe: SiameseRecipe, epoch: int
) -> float:
    batches = as_batches(
        train.pixels,
        _drawing(network.tower, train, classes, recipe),
        recipe.batch_size,
        labelled=recipe.loss == "centers",
        first_epoch=epoch,
    )
    # Keras shuffles batches by a generator that nobody seeds; what is drawn is in random order.
    fitted = network.model.fit(batches, epochs=1, verbose=0, shuffle=False)
    return float(fitted.history["loss"][0])


def _drawing(
    tower: Any, train: ImageSet, classes: Classes, recipe: SiameseRecipe
) -> Callable[[int], Drawn]:
    """What an epoch is trained on, by its number and the seed alone."""

    def draw(epoch: int) -> Drawn:
        rng = np.random.default_rng((recipe.seed, epoch))
        match recipe.loss:
            case "contrastive":
                return draw_pairs(classes, len(train), rng)
            case "head":
                return draw_pairs(classes, len(train), rng).for_a_head
            case "centers":
                return draw_singles(classes, rng)
            case "triplet":
                h, alpha = embed(tower, train), recipe.margin
                return draw_triplets(classes, h, rng, hardness=recipe.hardness, alpha=alpha)

    return draw


def _identity(
    train: ImageSet, validation: ImageSet, network: _Network, recipe: SiameseRecipe
) -> dict[str, Any]:
    """What a checkpoint must have in common with a training that goes on from it."""
    # Not Keras' own description of the tower, whose names count what was built before.
    kinds = " ".join(type(layer).__name__ for layer in network.tower.layers)
    digest = hashlib.sha256(kinds.encode())
    for weights in network.model.get_weights():
        digest.update(np.ascontiguousarray(weights).data)
    for images in (train, validation):
        digest.update(images.pixels.data)
        digest.update("\0".join(one.identity for one in images.photographs).encode())
    return asdict(recipe) | {"data": digest.hexdigest()}
