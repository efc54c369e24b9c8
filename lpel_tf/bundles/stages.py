"""The trainings of a bundle's networks, all on the same images, divided alike."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.usual_pairs import ReadFace, reading
from lpel_serving.images.datasets.labelled import Labelled
from lpel_serving.methods.networks import AssembledNetworks, no_decoder, no_responses
from lpel_serving.support.progress import Progress, one_step
from lpel_tf.bundles.checkpoints import response_checkpoint, surrogate_checkpoint
from lpel_tf.bundles.comparing import Compared
from lpel_tf.bundles.response_bundling import FinishedResponses, ResponsePlan, finish_responses
from lpel_tf.bundles.surrogate_bundling import SurrogatePlan, finish_surrogate
from lpel_tf.bundles.surrogate_export import (
    ExportedSurrogate,
    export_finished_surrogate,
    with_surrogate,
)
from lpel_tf.data.split import Split
from lpel_tf.decoders.least_squares import LinearDecoder, solve
from lpel_tf.decoders.training import Recipe, Trained, check_faces, train_decoder
from lpel_tf.networks.example_crops import example_crops
from lpel_tf.networks.exported import ExportedEmbedder

DecoderBy = Literal["trained", "solved"]
"""How a decoder is made: trained with Adamax, as in the thesis, or solved for, in closed form."""


@dataclass(frozen=True, eq=False)
class Work:
    """What the trainings work on.

    Attributes
    ----------
    embedder, crop
        The network, and how images are cut out for it.
    engine
        The same two, ready to run.
    faces
        The images of all sides, in the order in which they were embedded.
    split
        Which side each is on.
    compared
        How the network compares.
    store
        Of their embeddings; what else is measured is kept beside it.
    checkpoint
        File that lets the decoder's training go on, beside which those of the others lie; or None.
    progress
        Reports how far it is.
    """

    embedder: ExportedEmbedder
    crop: str
    engine: Embedder
    faces: tuple[Labelled, ...]
    split: Split
    compared: Compared
    store: Path
    checkpoint: Path | None
    progress: Progress


def trained_decoder(work: Work, recipe: Recipe, how: DecoderBy | None) -> Trained | None:
    """Train the decoder, or solve for it, unless there is to be none."""
    if how is None:
        return None
    split = work.split
    check_faces(split.train, split.validation, ridge=recipe.ridge)
    if how == "trained":
        return train_decoder(
            split.train,
            split.validation,
            recipe,
            checkpoint=work.checkpoint,
            progress=work.progress,
        )
    with one_step(work.progress, "solving for the decoder"):
        solved = solve(split.train, recipe.noise_on(split.train.embeddings))
    return Trained(solved, (), 0, recipe)


def trained_responses(work: Work, plan: ResponsePlan) -> FinishedResponses:
    """Train the response decoder."""
    table = work.store.with_name(f"{work.store.stem}-{plan.table.key}{work.compared.key}.sqlite")
    state = None if work.checkpoint is None else response_checkpoint(work.checkpoint)
    return finish_responses(
        work.engine,
        work.faces,
        work.split,
        plan,
        table,
        compared=work.compared,
        checkpoint=state,
        progress=work.progress,
    )


def trained_surrogate(
    work: Work, plan: SurrogatePlan, responses: FinishedResponses | None
) -> ExportedSurrogate:
    """Train the surrogate, and export it with its embedder."""
    made = finish_surrogate(
        work.embedder,
        work.engine.crop,
        work.faces,
        work.split,
        plan,
        work.store,
        compared=work.compared,
        respond=None if responses is None else responses.decoder.of_scaled,
        checkpoint=None if work.checkpoint is None else surrogate_checkpoint(work.checkpoint),
        progress=work.progress,
    )
    shape = work.embedder.record.shape
    crops = example_crops(work.split.test.photographs, work.engine.crop, shape)
    return export_finished_surrogate(made, work.embedder, crops, work.compared.comparison)


def explaining(
    work: Work,
    decoder: LinearDecoder | None,
    responses: FinishedResponses | None,
    surrogate: ExportedSurrogate | None,
) -> tuple[AssembledNetworks, ReadFace | None]:
    """Put the networks that explain together; with a surrogate, also what reads images held out."""
    respond = no_responses if responses is None else responses.decoder
    comparison = work.compared.comparison
    decode = no_decoder if decoder is None else decoder
    networks = AssembledNetworks(work.engine.embed, decode, respond, comparison=comparison)
    if surrogate is None:
        return networks, None
    apart = [face.source for face in work.split.apart.photographs]
    complete = with_surrogate(networks, surrogate, work.embedder.record, work.engine.crop)
    return complete, reading(work.engine, apart)
