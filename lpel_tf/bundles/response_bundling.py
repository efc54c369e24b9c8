"""Adds a response decoder to a bundle: makes its training table, trains it, exports it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.bundle.writer import ResponseModel
from lpel_export.conversion.keras_to_onnx import export_responder
from lpel_export.conversion.parity import Parity, check_parity
from lpel_serving.bundle.manifest import EMBEDDING, RESPONSE, ResponseRecord
from lpel_serving.engine.embedder import Embedder
from lpel_serving.images.datasets.labelled import Labelled
from lpel_serving.support.progress import Progress, silent
from lpel_tf.bundles.comparing import BY_THEIR_COSINE, Compared
from lpel_tf.data.split import Split
from lpel_tf.decoders.response_decoder import ResponseDecoder, response_loss, to_keras
from lpel_tf.decoders.response_table import ResponseTable, TableSettings, measure_table
from lpel_tf.decoders.response_training import ResponseRecipe, TrainedResponses, train_responses


@dataclass(frozen=True)
class ResponsePlan:
    """What a response decoder is trained on, and how."""

    table: TableSettings = field(default_factory=TableSettings)
    recipe: ResponseRecipe = field(default_factory=ResponseRecipe)


@dataclass(frozen=True, eq=False)
class FinishedResponses:
    """A response decoder, and how it was trained, for the manifest."""

    decoder: ResponseDecoder
    training: Mapping[str, Any]


def finish_responses(
    embedder: Embedder,
    faces: Sequence[Labelled],
    split: Split,
    plan: ResponsePlan,
    store: Path,
    *,
    compared: Compared = BY_THEIR_COSINE,
    checkpoint: Path | None = None,
    progress: Progress = silent,
) -> FinishedResponses:
    """Measure the table of every photograph, train on one side of the split, test on another.

    Parameters
    ----------
    embedder
        The network with its crop.
    faces
        The photographs of all sides, each of which shows a face.
    split
        Says which side each is on.
    plan
        What to measure and how to train.
    store
        Where the table is kept.
    compared
        How the network compares.
    checkpoint
        File that lets an interrupted training go on.
    progress
        Reports how far it is.
    """
    comparison = compared.comparison
    everyone = measure_table(
        embedder, faces, plan.table, store, comparison=comparison, progress=progress
    )
    side_of = split.side_of
    on = np.array([side_of[face] for face in faces])
    tables = {name: everyone.select(on == name) for name in split.sides}
    trained = train_responses(
        tables["train"],
        tables["validation"],
        plan.recipe,
        checkpoint=checkpoint,
        progress=progress,
    )
    decoder = replace(trained.decoder, comparison=comparison)
    return FinishedResponses(decoder, _describe(trained, tables, split, plan))


def export_responses(
    decoder: FinishedResponses, embedder: str, examples: NDArray[np.float32]
) -> tuple[ResponseModel, Parity]:
    """Export a response decoder and check its parity on real embeddings, shape (N, D).

    Raises
    ------
    ParityError
        If the ONNX model differs from the Keras one.
    """
    exported = export_responder(
        to_keras(decoder.decoder), {"lpel": "response decoder", "embedder": embedder}
    )
    parity = check_parity(
        exported,
        decoder.decoder.comparison.scale(
            np.resize(examples, (max(2, len(examples)), examples.shape[1]))
        ),
        input_name=EMBEDDING,
        output_name=RESPONSE,
        inputs=f"embeddings of {len(examples)} faces",
    )
    record = ResponseRecord(decoder.decoder.side, decoder.training)
    return ResponseModel(exported.model, record), parity


def _describe(
    trained: TrainedResponses, tables: Mapping[str, ResponseTable], split: Split, plan: ResponsePlan
) -> dict[str, Any]:
    return {
        "method": "Adamax",
        "table": asdict(plan.table),
        "recipe": asdict(trained.recipe),
        **split.record,
        "photographs": {name: len(table) for name, table in tables.items()},
        "people": {name: len(set(table.identities)) for name, table in tables.items()},
        "loss": "squared error of what coalitions take from unit embeddings, as a share of its "
        "squares: of all of it, and along the image's own embedding",
        "test_loss": asdict(response_loss(trained.decoder, tables["test"])),
        "best_epoch": trained.best_epoch,
        "history": [asdict(epoch) for epoch in trained.history],
    }
