"""Makes a bundle's surrogate: reduces local features, measures its table, trains it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from lpel_export.local_features.layer import Layer
from lpel_export.local_features.layers import choose_layers
from lpel_export.local_features.second_output import (
    Reduction,
    with_averages,
    with_local_features,
)
from lpel_serving.engine.embedder import Embedder
from lpel_serving.images.crops import Crop
from lpel_serving.images.datasets.labelled import Labelled
from lpel_serving.images.held import content_of
from lpel_serving.methods.measured.stream import DEFAULT_BATCH
from lpel_serving.methods.simulated.game import DEFAULT_FILL
from lpel_serving.support.arrays import Floats, Pixels
from lpel_serving.support.errors import NoFaceError, ParameterError
from lpel_serving.support.progress import Progress, silent
from lpel_tf.bundles.comparing import BY_THEIR_COSINE, Compared
from lpel_tf.bundles.surrogate_rounds import Measured, train_in_rounds
from lpel_tf.data.split import Split
from lpel_tf.networks.exported import ExportedEmbedder
from lpel_tf.surrogates.network import SurrogateNetwork
from lpel_tf.surrogates.photographs import see_photographs
from lpel_tf.surrogates.precision import CALIBRATION_CROPS, embedder_in
from lpel_tf.surrogates.recipe import SurrogateRecipe
from lpel_tf.surrogates.reduction import fit_reduction, key_of
from lpel_tf.surrogates.table import SurrogateTable
from lpel_tf.surrogates.table_settings import SurrogateTableSettings
from lpel_tf.surrogates.training import TrainedSurrogate
from lpel_tf.surrogates.unexplained import unexplained_by_responses, unexplained_by_surrogate


@dataclass(frozen=True)
class SurrogatePlan:
    """What a surrogate is trained on, and how.

    Attributes
    ----------
    table
        What is measured.
    recipe
        How it is trained.
    layers
        The tensors of the embedder's graph that give the local features, or parts of their names;
        chosen by rule when empty: see `lpel_export.local_features.layers.choose_layers`.
    rounds
        How often every photograph is measured, each time with another donor. From the second on
        half of the coalitions lie along the orders of a surrogate that was trained on the first.
    """

    table: SurrogateTableSettings = field(default_factory=SurrogateTableSettings)
    recipe: SurrogateRecipe = field(default_factory=SurrogateRecipe)
    layers: tuple[str, ...] = ()
    rounds: int = 1

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise ParameterError(f"a surrogate has 1 round or more; received {self.rounds}.")
        if DEFAULT_FILL not in self.table.names:
            raise ParameterError(
                f"a surrogate needs the fill {DEFAULT_FILL}, which explanations ask about unless "
                f"another is named; received {', '.join(self.table.names)}."
            )


@dataclass(frozen=True, eq=False)
class FinishedSurrogate:
    """A surrogate with the local features that it takes, and how it was trained.

    Attributes
    ----------
    network
        Sizes and weights.
    reduction
        Of the raw local features.
    layers
        Of the embedder, that they come from.
    fills
        The names of the fills that it knows.
    training
        For the manifest.
    """

    network: SurrogateNetwork
    reduction: Reduction
    layers: tuple[Layer, ...]
    fills: tuple[str, ...]
    training: Mapping[str, Any]


def finish_surrogate(
    embedder: ExportedEmbedder,
    crop: Crop,
    faces: Sequence[Labelled],
    split: Split,
    plan: SurrogatePlan,
    store: Path,
    *,
    compared: Compared = BY_THEIR_COSINE,
    respond: Callable[[Floats], Floats] | None = None,
    checkpoint: Path | None = None,
    progress: Progress = silent,
) -> FinishedSurrogate:
    """Measure the table of every photograph, train on one side of the split, test on another.

    Parameters
    ----------
    embedder, crop
        The network, and how faces are cut out for it.
    faces
        The photographs of all sides.
    split
        Says which side each is on.
    plan
        What to measure and how to train.
    store
        The store of embeddings: those of this table lie beside it.
    compared
        How the network compares.
    respond
        The response decoder of the same people, of scaled embeddings, to be measured on the same
        coalitions.
    checkpoint
        File that lets an interrupted training go on.
    progress
        Reports how far it is.
    """
    side_of = split.side_of
    order: list[int] = np.random.default_rng(plan.recipe.seed).permutation(len(faces)).tolist()
    learnt = [faces[i] for i in order if side_of[faces[i]] == "train"]
    grid = plan.table.side
    layers = choose_layers(embedder.model, grid, plan.layers or None)
    raw = Embedder(with_averages(embedder.model, layers, grid), embedder.record, crop)
    reduction = _fit(raw, learnt, plan.recipe, progress)
    reduced = with_local_features(embedder.model, layers, grid, reduction)
    seeing = Embedder(reduced, embedder.record, crop)
    local_store = store.with_name(f"{store.stem}-local-{key_of(reduction)}.sqlite")
    seen = see_photographs(seeing, faces, local_store, progress=progress)
    table_store = store.with_name(f"{store.stem}-surrogate-{plan.table.key}{compared.key}.sqlite")
    sides = tuple(side_of[face] for face in seen.faces)
    masking = _masking(embedder, raw, learnt, plan.table.precision, table_store)
    measured = Measured(
        seen, sides, masking, plan.table, table_store, progress, compared.comparison
    )
    trained, tables = train_in_rounds(measured, plan.rounds, plan.recipe, checkpoint)
    training = _describe(trained, tables, split, plan, respond)
    return FinishedSurrogate(trained.network, reduction, layers, plan.table.names, training)


def _masking(
    embedder: ExportedEmbedder,
    raw: Embedder,
    learnt: Sequence[Labelled],
    precision: str,
    store: Path,
) -> Embedder:
    """Open what embeds masked images; int8 is calibrated on the first photographs."""
    return embedder_in(
        precision,
        embedder.model,
        embedder.record,
        raw.crop,
        lambda: np.stack(list(islice(_crops(raw, learnt), CALIBRATION_CROPS))),
        store,
    )


def _crops(embedder: Embedder, faces: Sequence[Labelled]) -> Iterator[Pixels]:
    for face in faces:
        try:
            yield embedder.read(content_of(face.source), str(face.source))
        except NoFaceError:
            continue


def _fit(
    embedder: Embedder, faces: Sequence[Labelled], recipe: SurrogateRecipe, progress: Progress
) -> Reduction:
    """Fit the reduction on the first photographs that show a face."""
    wanted = islice(_crops(embedder, faces), recipe.reduced_on)
    n = min(recipe.reduced_on, len(faces))
    with progress("seeing layers of the embedder (photographs)", n) as advance:

        def raw() -> Iterator[Floats]:
            while batch := list(islice(wanted, DEFAULT_BATCH)):
                yield embedder.features(batch).local
                advance(len(batch))

        return fit_reduction(raw(), recipe.channels)


def _describe(
    trained: TrainedSurrogate,
    tables: Mapping[str, SurrogateTable],
    split: Split,
    plan: SurrogatePlan,
    respond: Callable[[Floats], Floats] | None,
) -> dict[str, Any]:
    test, fills = tables["test"], plan.table.names
    unexplained = {
        "surrogate": unexplained_by_surrogate(trained.network, test, fills),
        "without_local_features": unexplained_by_surrogate(
            trained.network, test, fills, local=False
        ),
    }
    if respond is not None:
        unexplained["responses"] = unexplained_by_responses(respond, test, fills)
    return {
        "method": "AdamW",
        "table": asdict(plan.table),
        "rounds": plan.rounds,
        "recipe": asdict(trained.recipe),
        **split.record,
        "photographs": {name: len(table) for name, table in tables.items()},
        "people": {name: len(set(table.identities)) for name, table in tables.items()},
        "loss": "squared error of what coalitions take from unit embeddings, and of that along the "
        "image's own embedding and along its donor's, weighted by the size of the coalition",
        "unexplained": unexplained,
        "best_epoch": trained.best_epoch,
        "history": [asdict(epoch) for epoch in trained.history],
    }
