"""Trains a surrogate on a table of masked images with AdamW; it resumes after any epoch."""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.arrays import Floats
from lpel_serving.support.extras import require
from lpel_serving.support.progress import Progress, silent
from lpel_tf.decoders.training import Epoch
from lpel_tf.networks.embedding_checks import check_embeddings
from lpel_tf.support.checkpoint import run_epochs
from lpel_tf.support.errors import TrainingDataError
from lpel_tf.support.policy import float32_layers
from lpel_tf.surrogates.network import SurrogateNetwork, build_network, to_numpy
from lpel_tf.surrogates.recipe import SurrogateRecipe
from lpel_tf.surrogates.table import SurrogateTable


@dataclass(frozen=True)
class TrainedSurrogate:
    """A trained surrogate and how it came about; the weights are those of the best epoch."""

    network: SurrogateNetwork
    history: tuple[Epoch, ...]
    best_epoch: int
    recipe: SurrogateRecipe


def train_surrogate(
    train: SurrogateTable,
    validation: SurrogateTable,
    recipe: SurrogateRecipe,
    *,
    checkpoint: Path | None = None,
    progress: Progress = silent,
) -> TrainedSurrogate:
    """Train a surrogate.

    Interrupted and started again with the same checkpoint, it ends with the same bytes as without
    the interruption. Of the table one batch at a time is made float32.

    Parameters
    ----------
    train, validation
        Tables of different people.
    recipe
        How to train.
    checkpoint
        File that keeps the state after each epoch; none when None.
    progress
        Reports each epoch.

    Raises
    ------
    TrainingDataError
        If a table is empty, or the embeddings say nothing of the faces: see
        `lpel_tf.networks.embedding_checks.check_embeddings`.
    """
    if not len(train) or not len(validation):
        raise TrainingDataError(
            "a surrogate is learnt from photographs for training and others for validation; "
            f"received {len(train)} and {len(validation)}: give more people."
        )
    check_embeddings(np.concatenate([train.embeddings, validation.embeddings]))
    _, fills, _, superpixels = train.coalitions.shape
    sizes = recipe.sizes(
        train.embeddings.shape[1], round(superpixels**0.5), train.local.shape[2], fills
    )
    network = build_network(sizes, recipe.seed)
    model = _compiled(network, len(train), recipe)
    state = run_epochs(
        model,
        "surrogate",
        (recipe.epochs, recipe.patience),
        _identity(train, validation, recipe),
        checkpoint,
        lambda epoch: _train_epoch(model, train, recipe, epoch=epoch),
        lambda: _loss(model, validation, recipe),
        progress,
    )
    model.set_weights(state.best_weights)
    history = tuple(Epoch(*losses) for losses in state.history)
    return TrainedSurrogate(to_numpy(network, sizes), history, state.best_epoch(), recipe)


def inputs_of(table: SurrogateTable, chosen: NDArray[np.int64]) -> list[Floats]:
    """The network's inputs for some rows: photographs, donors, coalitions."""
    photographs, donors = table.photographs[chosen], table.donors[chosen]
    return [
        table.embeddings[photographs],
        table.local[photographs].astype(np.float32),
        table.embeddings[donors],
        table.local[donors].astype(np.float32),
        table.coalitions[chosen].astype(np.float32),
    ]


def losses_of(table: SurrogateTable, chosen: NDArray[np.int64]) -> Floats:
    """What the unit embeddings of some rows lost, float32, shape (n, F, M, D)."""
    whole = table.embeddings[table.photographs[chosen]][:, np.newaxis, np.newaxis]
    return whole - table.masked[chosen].astype(np.float32)


@float32_layers()
def _compiled(network: Any, photographs: int, recipe: SurrogateRecipe) -> Any:
    """A model whose squared error is the loss: its last numbers are the losses along embeddings."""
    keras = require("keras", "train")
    outputs = [network.output]
    for h in (network.inputs[0], network.inputs[2]):
        along = keras.ops.expand_dims(keras.ops.expand_dims(h, 1), 1)
        lost = keras.ops.sum(network.output * along, axis=-1, keepdims=True)
        outputs.append(lost * recipe.along**0.5)
    model = keras.Model(network.inputs, keras.ops.concatenate(outputs, axis=-1))
    steps = recipe.epochs * -(-photographs // recipe.batch_size)
    rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay)
    model.compile(optimizer=optimizer, loss=_weighted_squares)
    model.optimizer.build(model.trainable_variables)
    return model


def _weighted_squares(wanted: Any, given: Any) -> Any:
    """Squared errors, shape (batch, F, M); the last number of what is wanted is the weight."""
    ops = require("keras", "train").ops
    errors = ops.sum(ops.square(wanted[..., :-1] - given), axis=-1)
    return errors * wanted[..., -1]


def _wanted(table: SurrogateTable, chosen: NDArray[np.int64], recipe: SurrogateRecipe) -> Floats:
    """Losses, those along two embeddings, and the weights, shape (n, F, M, D + 3)."""
    lost = losses_of(table, chosen)
    along = [
        np.einsum("nfmd,nd->nfm", lost, table.embeddings[of])[..., np.newaxis] * recipe.along**0.5
        for of in (table.photographs[chosen], table.donors[chosen])
    ]
    sizes = table.coalitions[chosen].sum(axis=-1, keepdims=True)
    weights = np.maximum(sizes, 1) ** -recipe.size_power
    return np.concatenate([lost, *along, weights], axis=-1).astype(np.float32)


def _train_epoch(
    model: Any, table: SurrogateTable, recipe: SurrogateRecipe, *, epoch: int
) -> float:
    # What is random depends on the epoch alone, so that a resumed training repeats it.
    rng = np.random.default_rng((recipe.seed, epoch))
    total = 0.0
    for chosen in _portions(rng.permutation(len(table)), recipe.batch_size):
        inputs = inputs_of(table, chosen)
        for place in (1, 3):
            inputs[place][rng.random(len(chosen)) < recipe.without_local] = 0
        model.reset_metrics()  # so that the loss is this batch's, whatever Keras averages over
        loss = model.train_on_batch(inputs, _wanted(table, chosen, recipe))
        total += float(loss) * len(chosen)
    return total / len(table)


def _loss(model: Any, table: SurrogateTable, recipe: SurrogateRecipe) -> float:
    total = 0.0
    for chosen in _portions(np.arange(len(table)), recipe.batch_size):
        wanted = _wanted(table, chosen, recipe)
        errors = np.square(wanted[..., :-1] - model.predict_on_batch(inputs_of(table, chosen)))
        total += float((errors.sum(axis=-1) * wanted[..., -1]).sum())
    return total / table.masked[..., 0].size


def _portions(order: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _identity(
    train: SurrogateTable, validation: SurrogateTable, recipe: SurrogateRecipe
) -> dict[str, Any]:
    """What a checkpoint must have in common with a training that goes on from it."""
    digest = hashlib.sha256()
    for table in (train, validation):
        arrays = (table.embeddings, table.local, table.photographs, table.donors)
        arrays = (*arrays, table.coalitions, table.masked)
        for array in arrays:
            digest.update(np.ascontiguousarray(array).data)
    return asdict(recipe) | {"data": digest.hexdigest()}
