"""Checkpoints of a training in one file, to resume it after any epoch."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.partial import Partial
from lpel_serving.support.progress import Progress

Weights = tuple[NDArray[np.float32], ...]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Where a training stands.

    Attributes
    ----------
    history
        Training and validation loss of each epoch so far.
    best_weights
        Kernel and bias after the epoch with the lowest validation loss.
    variables
        Everything that the model and its optimiser hold.
    """

    history: tuple[tuple[float, float], ...] = ()
    best_weights: Weights = ()
    variables: tuple[NDArray[Any], ...] = ()

    def best_epoch(self) -> int:
        """Number of the epoch with the lowest validation loss, from 1; 0 before the first."""
        losses = [validation for _, validation in self.history]
        return losses.index(min(losses)) + 1 if losses else 0

    def waited(self) -> int:
        """How many epochs have passed since the best one."""
        return len(self.history) - self.best_epoch()

    def after_epoch(self, model: Any, loss: float, validation_loss: float) -> "Checkpoint":
        """Add an epoch that has just ended."""
        history = (*self.history, (loss, validation_loss))
        best = Checkpoint(history).waited() == 0
        return Checkpoint(
            history,
            tuple(model.get_weights()) if best else self.best_weights,
            tuple(np.asarray(variable) for variable in _variables(model)),
        )

    def restore(self, model: Any) -> None:
        """Put a compiled model back into this state; nothing happens before the first epoch."""
        for variable, value in zip(_variables(model), self.variables, strict=False):
            variable.assign(value)


def save_checkpoint(path: Path, checkpoint: Checkpoint, identity: dict[str, Any]) -> None:
    """Write a checkpoint, with the identity that a training must share to resume from it.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    named: dict[str, NDArray[Any]] = {"history": np.array(checkpoint.history)}
    named |= {f"best_{i}": value for i, value in enumerate(checkpoint.best_weights)}
    named |= {f"variable_{i}": value for i, value in enumerate(checkpoint.variables)}
    _partial(path, identity).save(named)


def load_checkpoint(path: Path | None, identity: dict[str, Any]) -> Checkpoint | None:
    """Read a checkpoint, or None if there is none, or it is damaged or of another training."""
    file = _partial(path, identity).load() if path is not None else None
    if file is None:
        return None
    return Checkpoint(
        tuple((float(loss), float(validation)) for loss, validation in file["history"]),
        tuple(file[f"best_{i}"] for i in range(_count(file, "best_"))),
        tuple(file[f"variable_{i}"] for i in range(_count(file, "variable_"))),
    )


def run_epochs(
    model: Any,
    what: str,
    limits: tuple[int, int],
    identity: dict[str, Any],
    checkpoint: Path | None,
    train_epoch: Callable[[int], float],
    validate: Callable[[], float],
    progress: Progress,
) -> Checkpoint:
    """Train a compiled model epoch by epoch, from a checkpoint if there is one, until it stops.

    Parameters
    ----------
    model
        Compiled, as it is before the first epoch.
    what
        Is trained; for the progress.
    limits
        At most so many epochs, and so many without a better validation loss.
    identity
        What a training must share that goes on from the checkpoint.
    checkpoint
        File that keeps the state after each epoch; none when None.
    train_epoch
        Trains the epoch of a number, from 0, and returns its loss.
    validate
        Returns the validation loss.
    progress
        ReportProgress of each epoch.
    """
    epochs, patience = limits
    state = load_checkpoint(checkpoint, identity) or Checkpoint()
    state.restore(model)
    with progress(f"training the {what} (epochs)", epochs) as advance:
        advance(len(state.history))
        while len(state.history) < epochs and state.waited() < patience:
            loss = train_epoch(len(state.history))
            state = state.after_epoch(model, loss, validate())
            if checkpoint is not None:
                save_checkpoint(checkpoint, state, identity)
            advance(1)
    return state


def _partial(path: Path, identity: dict[str, Any]) -> Partial:
    return Partial(path, json.dumps(identity, sort_keys=True))


def _variables(model: Any) -> list[Any]:
    return [*model.weights, *model.optimizer.variables]


def _count(names: Iterable[str], prefix: str) -> int:
    return sum(name.startswith(prefix) for name in names)
