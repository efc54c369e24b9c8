"""Makes a bundle from images: embeds, trains, exports, fits the decision, writes."""

import hashlib
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from lpel_export.local_features.layers import choose_layers
from lpel_export.support.image_shape import ImageSize
from lpel_serving.bundle.folder import check_replaceable
from lpel_serving.bundle.manifest import Manifest
from lpel_serving.bundle.origin import crop_name
from lpel_serving.engine.embedder import Embedder
from lpel_serving.images.crops import Crop, as_crop, is_known
from lpel_serving.images.datasets.labelled import Data, Labelled, as_labelled
from lpel_serving.images.datasets.pairs import Pair
from lpel_serving.images.datasets.passed_over import Unusable
from lpel_serving.images.subject import FACES, Subject
from lpel_serving.support.image_shape import ImageShape
from lpel_serving.support.progress import Progress, one_step, silent
from lpel_tf.bundles.assembly import assemble
from lpel_tf.bundles.comparing import CompareBy, check_wanted, compare_by, kind_of
from lpel_tf.bundles.decoder_training import describe, left_out
from lpel_tf.bundles.response_bundling import ResponsePlan
from lpel_tf.bundles.stages import (
    Work,
    explaining,
    trained_decoder,
    trained_responses,
    trained_surrogate,
)
from lpel_tf.bundles.surrogate_bundling import SurrogatePlan
from lpel_tf.bundles.thresholds import fit_on_pairs, fit_on_split, own_threshold
from lpel_tf.data.dataset import FaceSet, embed_faces
from lpel_tf.data.kept_apart import fit_on_sides, usual_on_sides
from lpel_tf.data.split import SplitBy, split_faces
from lpel_tf.decoders.decoder import decoder_shape
from lpel_tf.decoders.response_table import check_grid
from lpel_tf.decoders.training import Recipe
from lpel_tf.networks.embedders import ExportedEmbedder
from lpel_tf.support.cache import cache_folder


def train_bundle(
    embedder: ExportedEmbedder,
    data: Data,
    out: Path | str,
    *,
    crop: str | Crop,
    recipe: Recipe,
    closed_form: bool = False,
    image_size: ImageSize | None = None,
    split: SplitBy | None = None,
    threshold: float | None = None,
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
    """Train a decoder for an embedding network on images, and write both as a bundle.

    Parameters
    ----------
    embedder
        The network ``f``: see `lpel_tf.networks.embedders`.
    data
        Photographs with the people in them, such as `list_faces` gives, or images of whatever is
        compared and their labels: ``(images, labels)``, two arrays, see `from_arrays`. A tenth is
        held out to stop the training, another tenth for the test.
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
    image_size
        Of the images that the decoder reconstructs: a side, (H, W), or (H, W, C). None for the
        network's own, up to 40 pixels along the longer side.
    split
        Whether whole identities are held out, ``"identity"``, or images of each, ``"image"``; None
        chooses by how many identities there are: see `lpel_tf.data.split.FEW`.
    threshold
        One of your own, on the scale that the network compares by, such as 0.6 on a distance; None
        chooses the most accurate one.
    cache
        Root of the cache, where the embeddings are kept.
    pairs
        Pairs to choose the threshold and to fit the confidence on; drawn from what is held out
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

    Whatever can be known before the long trainings is refused before them.

    Raises
    ------
    TrainingDataError
        If there are too few images or classes.
    ParameterError
        If the threshold, or the way to split, is none, or the network has no such superpixels.
    PairsError
        If there are too few pairs for a threshold.
    ImageError
        If a photograph cannot be used and there is no `unusable` to gather it; it is named.
    PhotographsError
        If too many cannot be used.
    ParityError
        If an exported network differs from the trained one.
    OutputError, CacheError
        If files cannot be written.
    """
    out = Path(out)
    check_replaceable(out)
    check_wanted(comparison, threshold)
    _check_plans(embedder, responses, surrogate)
    engine = Embedder(embedder.model, embedder.record, as_crop(crop))
    crop = crop if isinstance(crop, str) else crop_name(crop)
    target = decoder_shape(embedder.record.shape, image_size)
    kept_as = crop + fingerprint(engine.crop, embedder.record.shape)
    name = f"{store_key(embedder, kept_as, target)}.sqlite"
    store = cache_folder("embeddings", root=cache) / name

    def embed(some: Sequence[Labelled]) -> FaceSet:
        kind = kind_of(comparison)
        return embed_faces(
            engine, some, target, store, kind=kind, unusable=unusable, progress=progress
        )

    everyone = embed(as_labelled(data))
    sides = split_faces(everyone, np.random.default_rng(recipe.seed), split)
    compared = compare_by(comparison, sides.train.embeddings)
    own = None if threshold is None else own_threshold(threshold, compared.record)
    faces = everyone.photographs
    work = Work(embedder, crop, engine, faces, sides, compared, store, checkpoint, progress)
    with one_step(progress, "fitting threshold, confidence and plausibility"):
        rng = np.random.default_rng(recipe.seed)
        fitted = (  # before the long trainings: there may be too few pairs for it
            fit_on_pairs(pairs, embed, compared.comparison, own, subject)
            if pairs
            else fit_on_split(sides, rng, compared.comparison, own, subject)
        )
        plausibility = fit_on_sides(sides)
    trained = trained_decoder(work, recipe, closed_form=closed_form)
    finished = None if responses is None else trained_responses(work, responses)
    exported = None if surrogate is None else trained_surrogate(work, surrogate, finished)
    with one_step(progress, "measuring what is usual of maps"):
        networks, read = explaining(work, trained.decoder, finished, exported)
        usual = usual_on_sides(
            sides, networks, fitted.threshold.value, recipe.seed, crop, read, subject
        )
    with one_step(progress, "measuring the decoder, exporting and checking"):
        return assemble(
            embedder,
            trained.decoder,
            out,
            crop=crop,
            threshold=fitted.threshold,
            confidence=fitted.confidence,
            training=describe(trained, sides, closed_form=closed_form) | left_out(everyone),
            examples=sides.test.embeddings[:100],
            responses=finished,
            surrogate=exported,
            compared=compared,
            plausibility=plausibility,
            usual=usual,
            subject=subject,
        )


def _check_plans(
    embedder: ExportedEmbedder, responses: ResponsePlan | None, surrogate: SurrogatePlan | None
) -> None:
    """Raise before anything is embedded where a network has no such superpixels or layers."""
    if responses is not None:
        check_grid(responses.table, embedder.record.shape)
    if surrogate is not None:
        choose_layers(embedder.model, surrogate.table.side, surrogate.layers or None)


def fingerprint(crop: Crop, shape: ImageShape) -> str:
    """Tell apart crops that have one name, by what they make of a picture; nothing for a known one.

    A function that refuses the picture is never taken for another, nor for itself.
    """
    if is_known(crop):
        return ""
    picture = np.random.default_rng(0).integers(0, 256, (233, 194, shape.channels), np.uint8)
    try:
        made = np.ascontiguousarray(crop(picture, shape)).tobytes()
    except Exception:  # noqa: BLE001 - whatever a function of somebody's own raises
        made = os.urandom(16)
    return "#" + hashlib.sha256(made).hexdigest()[:16]


def store_key(embedder: ExportedEmbedder, crop: str, target: ImageShape) -> str:
    """Name the store of embeddings and targets of a shape, of a network with a crop."""
    size = target.height if target.is_square_rgb else "x".join(map(str, target))
    made_of = f"{embedder.sha256}|{crop}|{size}|{version('pillow')}|{version('lpel-tf')}"
    return hashlib.sha256(made_of.encode()).hexdigest()[:32]
