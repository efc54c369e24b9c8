"""Trains a surrogate round by round: on random coalitions, then along its own orders too."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.manifest import SurrogateRecord
from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.surrogate import Surrogate
from lpel_serving.equations.comparison import COSINE, Comparison
from lpel_serving.support.progress import Progress
from lpel_tf.surrogates.donors import choose_donors
from lpel_tf.surrogates.graph import to_graphs
from lpel_tf.surrogates.measuring import Draw, Round, at_random, measure_round
from lpel_tf.surrogates.network import SurrogateNetwork, to_keras
from lpel_tf.surrogates.own_orders import along_own_orders
from lpel_tf.surrogates.photographs import Photographs
from lpel_tf.surrogates.recipe import SurrogateRecipe
from lpel_tf.surrogates.table import SurrogateTable, join_rounds
from lpel_tf.surrogates.table_settings import SurrogateTableSettings
from lpel_tf.surrogates.training import TrainedSurrogate, train_surrogate

SIDES = ("train", "validation", "test")
"""The sides of a split by people."""


@dataclass(frozen=True, eq=False)
class Measured:
    """Photographs that are measured round by round.

    Attributes
    ----------
    photographs
        All of them.
    sides
        Which of `SIDES` each is on.
    masking
        What embeds masked images.
    settings
        The definition of a round.
    store
        The store of the first round; those of others lie beside it.
    progress
        Reports how far it is.
    comparison
        How the network compares.
    """

    photographs: Photographs
    sides: tuple[str, ...]
    masking: Embedder
    settings: SurrogateTableSettings
    store: Path
    progress: Progress
    comparison: Comparison = COSINE

    def donors(self, number: int) -> NDArray[np.int64]:
        """The donors of a round, each side with its own."""
        who = [face.identity for face in self.photographs.faces]
        seed = self.settings.seed + number
        return choose_donors(self.photographs.digests, who, self.sides, seed)

    def first(self) -> SurrogateTable:
        """Measure random coalitions."""
        return self._measure(0, at_random(self.settings), self.store)

    def along(self, network: SurrogateNetwork, number: int) -> SurrogateTable:
        """Measure a later round: half of it along the orders of a network that is trained."""
        fills, sizes = self.settings.names, network.sizes
        record = SurrogateRecord(sizes.side, sizes.channels, fills, (), {})
        graphs = to_graphs(network, to_keras(network), self.masking.record.name)
        surrogate = Surrogate(graphs, record, sizes.dimension, self.comparison)
        draw = along_own_orders(surrogate, self.photographs, self.donors(number), self.settings)
        name = f"{self.store.stem}-{number}-{_key_of(network)}{self.store.suffix}"
        return self._measure(number, draw, self.store.with_name(name))

    def split(self, rounds: list[SurrogateTable]) -> Mapping[str, SurrogateTable]:
        """Join rounds, and divide them by side."""
        joined, sides = join_rounds(rounds), np.array(self.sides)
        return {name: joined.select(sides == name) for name in SIDES}

    def _measure(self, number: int, draw: Draw, store: Path) -> SurrogateTable:
        asked = Round(self.donors(number), draw, number)
        return measure_round(
            self.masking,
            self.photographs,
            asked,
            self.settings,
            store,
            comparison=self.comparison,
            progress=self.progress,
        )


def train_in_rounds(
    measured: Measured, rounds: int, recipe: SurrogateRecipe, checkpoint: Path | None
) -> tuple[TrainedSurrogate, Mapping[str, SurrogateTable]]:
    """Train on a first round; if there are more, measure them by that surrogate, and train on all.

    Parameters
    ----------
    measured
        The photographs.
    rounds
        How many, 1 or more.
    recipe
        How to train, each time.
    checkpoint
        File that lets the last training go on; that of the first lies beside it: see
        `checkpoints`.

    Returns
    -------
    trained : TrainedSurrogate
        By all rounds.
    tables : Mapping[str, SurrogateTable]
        The first round, by side: what surrogates of any number of rounds are compared on.
    """
    early, last = checkpoints(checkpoint) if checkpoint is not None else (None, None)
    first = measured.first()
    tables = measured.split([first])
    state = early if rounds > 1 else last
    trained = _train(tables, recipe, state, measured.progress)
    if rounds > 1:
        network = trained.network
        later = [measured.along(network, number) for number in range(1, rounds)]
        trained = _train(measured.split([first, *later]), recipe, last, measured.progress)
    return trained, tables


def checkpoints(checkpoint: Path) -> tuple[Path, Path]:
    """The files of the first training, where there are more rounds than one, and of the last."""
    return checkpoint.with_name(f"{checkpoint.stem}-first{checkpoint.suffix}"), checkpoint


def _train(
    tables: Mapping[str, SurrogateTable],
    recipe: SurrogateRecipe,
    checkpoint: Path | None,
    progress: Progress,
) -> TrainedSurrogate:
    return train_surrogate(
        tables["train"], tables["validation"], recipe, checkpoint=checkpoint, progress=progress
    )


def _key_of(network: SurrogateNetwork) -> str:
    digest = sha256()
    for name in sorted(network.weights):
        digest.update(np.ascontiguousarray(network.weights[name]).data)
    return digest.hexdigest()[:16]
