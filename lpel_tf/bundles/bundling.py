"""Makes a bundle from photographs: embeds, trains, exports, fits the decision, writes."""

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from lpel_serving.bundle.manifest import Manifest
from lpel_serving.bundle.origin import crop_name
from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.usual_pairs import reading
from lpel_serving.images.crops import Crop, as_crop
from lpel_serving.images.datasets.faces import Face
from lpel_serving.images.datasets.pairs import Pair
from lpel_serving.images.datasets.passed_over import Unusable
from lpel_serving.images.subject import FACES, Subject
from lpel_serving.methods.networks import AssembledNetworks, no_responses
from lpel_serving.support.image_shape import ImageShape
from lpel_serving.support.progress import Progress, silent
from lpel_tf.bundles.assembly import assemble
from lpel_tf.bundles.comparing import CompareBy, Compared, compare_by
from lpel_tf.bundles.decoder_training import describe, left_out
from lpel_tf.bundles.response_bundling import FinishedResponses, ResponsePlan, finish_responses
from lpel_tf.bundles.surrogate_bundling import SurrogatePlan, finish_surrogate
from lpel_tf.bundles.surrogate_export import (
    ExportedSurrogate,
    export_finished_surrogate,
    with_surrogate,
)
from lpel_tf.bundles.surrogate_rounds import checkpoints
from lpel_tf.bundles.thresholds import fit_on_pairs, fit_on_split
from lpel_tf.data.dataset import FaceSet, Split, embed_faces, split_by_identity
from lpel_tf.data.kept_apart import fit_on_sides, photographs_apart, usual_on_sides
from lpel_tf.decoders.decoder import decoder_shape
from lpel_tf.decoders.least_squares import solve
from lpel_tf.decoders.training import Recipe, Trained, check_faces, train_decoder
from lpel_tf.networks.embedders import ExportedEmbedder
from lpel_tf.networks.example_crops import example_crops
from lpel_tf.support.cache import cache_folder


def train_bundle(
    embedder: ExportedEmbedder,
    faces: tuple[Face, ...],
    out: Path | str,
    *,
    crop: str | Crop,
    recipe: Recipe,
    closed_form: bool = False,
    cache: Path | None = None,
    pairs: tuple[Pair, ...] = (),
    comparison: CompareBy = "cosine",
    responses: ResponsePlan | None = None,
    surrogate: SurrogatePlan | None = None,
    checkpoint: Path | None = None,
    unusable: Unusable | None = None,
    subject: Subject = FACES,
    progress: Progress = silent,
) -> Manifest:
    """Train a decoder for an embedding network on photographs, and write both as a bundle.

    Parameters
    ----------
    embedder
        The network ``f``: see `lpel_tf.networks.embedders`.
    faces
        Photographs with the people in them; a tenth of the people is held out to stop the
        training, another tenth for the test.
    out
        Folder of the bundle.
    crop
        How photographs become face crops: see `lpel_serving.images.crops.parse_crop`; or one
        of one's own, which the bundle names by its plug-in, or else by its class or function: then
        `Explainer.load` is to be given it too.
    recipe
        How the decoder is trained.
    closed_form
        Solve for the decoder instead of training it.
    cache
        Root of the cache, where the embeddings are kept.
    pairs
        Pairs to choose the threshold and to fit the confidence on; drawn from the people held out
        when there are none.
    comparison
        How the network compares two embeddings: ``cosine``, ``euclidean``, or a learned head, as a
        Keras model of two inputs or as ONNX: see `lpel_tf.bundles.comparing.compare_by`.
    responses
        How to train a response decoder too; None for none.
    surrogate
        How to train a surrogate too; None for none.
    checkpoint
        File that lets an interrupted training go on; those of the response decoder and of the
        surrogate lie beside it.
    unusable
        Gathers photographs that cannot be used, which are left out.
    subject
        What the photographs show, in whose words the bundle speaks.
    progress
        Reports how far it is.

    Raises
    ------
    TrainingDataError
        If there are too few photographs or people.
    ImageError
        If a photograph cannot be used and there is no `unusable` to gather it; it is named.
    PhotographsError
        If too many cannot be used.
    ParityError
        If an exported network differs from the trained one.
    OutputError, CacheError
        If files cannot be written.
    """
    engine = Embedder(embedder.model, embedder.record, as_crop(crop))
    crop = crop if isinstance(crop, str) else crop_name(crop)
    target = decoder_shape(embedder.record.shape)
    store = cache_folder("embeddings", root=cache) / f"{store_key(embedder, crop, target)}.sqlite"

    def embed(some: tuple[Face, ...]) -> FaceSet:
        return embed_faces(engine, some, target, store, unusable=unusable, progress=progress)

    everyone = embed(faces)
    split = split_by_identity(everyone, np.random.default_rng(recipe.seed))
    check_faces(split.train, split.validation)
    compared = compare_by(comparison, split.train.embeddings)
    if closed_form:
        solved = solve(split.train, recipe.noise_on(split.train.embeddings))
        trained = Trained(solved, (), 0, recipe)
    else:
        trained = train_decoder(
            split.train, split.validation, recipe, checkpoint=checkpoint, progress=progress
        )
    usable = tuple(face for face in faces if unusable is None or face.path not in unusable)
    work = _Work(embedder, crop, engine, usable, split, compared, store, checkpoint, progress)
    finished = None if responses is None else _responses(work, responses)
    exported = None if surrogate is None else _surrogate(work, surrogate, finished)
    fitted = (
        fit_on_pairs(pairs, embed, compared.comparison)
        if pairs
        else fit_on_split(split, np.random.default_rng(recipe.seed), compared.comparison)
    )
    decoders = (trained.decoder, no_responses if finished is None else finished.decoder)
    networks = AssembledNetworks(engine.embed, *decoders, comparison=compared.comparison)
    read = None
    if exported is not None:
        networks = with_surrogate(networks, exported, embedder.record, engine.crop)
        shown = [face for face in usable if face not in everyone.without_face]
        read = reading(engine, [face.path for face in photographs_apart(shown, split)])
    return assemble(
        embedder,
        trained.decoder,
        Path(out),
        crop=crop,
        threshold=fitted.threshold,
        confidence=fitted.confidence,
        training=describe(trained, split, closed_form=closed_form) | left_out(everyone),
        examples=split.test.embeddings[:100],
        responses=finished,
        surrogate=exported,
        compared=compared,
        plausibility=fit_on_sides(split),
        usual=usual_on_sides(
            split, networks, fitted.threshold.value, recipe.seed, crop, read, subject
        ),
        subject=subject,
    )


@dataclass(frozen=True, eq=False)
class _Work:
    """What the trainings besides the decoder's work on: the same photographs, divided alike."""

    embedder: ExportedEmbedder
    crop: str
    engine: Embedder
    faces: tuple[Face, ...]
    split: Split
    compared: Compared
    store: Path
    checkpoint: Path | None
    progress: Progress


def _responses(work: _Work, plan: ResponsePlan) -> FinishedResponses:
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


def _surrogate(
    work: _Work, plan: SurrogatePlan, responses: FinishedResponses | None
) -> ExportedSurrogate:
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
    apart = set(work.split.test.identities)
    photographs = [face for face in work.faces if face.identity in apart]
    crops = example_crops(photographs, work.engine.crop, work.embedder.record.shape)
    return export_finished_surrogate(made, work.embedder, crops, work.compared.comparison)


def response_checkpoint(checkpoint: Path) -> Path:
    """Name the file of the response decoder's training beside that of the decoder's."""
    return checkpoint.with_name(f"{checkpoint.stem}-responses{checkpoint.suffix}")


def surrogate_checkpoint(checkpoint: Path) -> Path:
    """Name the file of the surrogate's training beside that of the decoder's."""
    return checkpoint.with_name(f"{checkpoint.stem}-surrogate{checkpoint.suffix}")


def all_checkpoints(checkpoint: Path) -> tuple[Path, ...]:
    """Name every file that a training may leave: they can go once the bundle is written."""
    of_surrogate = checkpoints(surrogate_checkpoint(checkpoint))
    return (checkpoint, response_checkpoint(checkpoint), *of_surrogate)


def store_key(embedder: ExportedEmbedder, crop: str, target: ImageShape) -> str:
    """Name the store of embeddings and targets of a shape, of a network with a crop."""
    size = target.height if target.is_square_rgb else "x".join(map(str, target))
    made_of = f"{embedder.sha256}|{crop}|{size}|{version('pillow')}|{version('lpel-tf')}"
    return hashlib.sha256(made_of.encode()).hexdigest()[:32]
