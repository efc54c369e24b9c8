"""Makes a bundle from images: embeds, trains, exports, fits the decision, writes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lpel_export.support.image_shape import ImageSize
from lpel_serving.bundle.folder import check_replaceable
from lpel_serving.bundle.manifest import Manifest
from lpel_serving.bundle.origin import crop_name
from lpel_serving.engine.embedder import Embedder
from lpel_serving.images.crops import Crop, as_crop
from lpel_serving.images.datasets.labelled import Data, Labelled, as_labelled
from lpel_serving.images.datasets.pairs import Pair
from lpel_serving.images.datasets.passed_over import Unusable
from lpel_serving.images.subject import FACES, Subject
from lpel_serving.support.progress import Progress, one_step, silent
from lpel_tf.bundles.assembly import assemble
from lpel_tf.bundles.comparing import CompareBy, check_wanted, compare_by, kind_of, opened
from lpel_tf.bundles.decoder_training import finish_decoder, left_out
from lpel_tf.bundles.plan_checks import check_decoder, check_head, check_plans
from lpel_tf.bundles.response_bundling import ResponsePlan
from lpel_tf.bundles.stages import (
    DecoderBy,
    Work,
    explaining,
    trained_decoder,
    trained_responses,
    trained_surrogate,
)
from lpel_tf.bundles.store_names import fingerprint, store_key
from lpel_tf.bundles.surrogate_bundling import SurrogatePlan
from lpel_tf.bundles.thresholds import fit_on_pairs, fit_on_split, own_threshold
from lpel_tf.data.dataset import FaceSet, embed_faces
from lpel_tf.data.kept_apart import fit_on_sides, usual_on_sides
from lpel_tf.data.sides import Sides, SplitBy
from lpel_tf.data.split import split_faces
from lpel_tf.decoders.decoder import decoder_shape
from lpel_tf.decoders.training import Recipe
from lpel_tf.networks.exported import ExportedEmbedder
from lpel_tf.support.cache import cache_folder


def train_bundle(
    embedder: ExportedEmbedder,
    data: Data,
    out: Path | str,
    *,
    crop: str | Crop,
    recipe: Recipe,
    decoder: DecoderBy | None = "trained",
    image_size: ImageSize | None = None,
    split: SplitBy | Sides | None = None,
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
    """Train decoders for an embedding network on images, and write all as a bundle.

    Whatever can be known before the long trainings is refused before them.

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
        How the decoder is trained; its seed divides the images, too.
    decoder
        Whether the decoder is ``"trained"``, or ``"solved"`` for in closed form. None for no
        decoder: then there are to be `responses`, the bundle draws no images and cannot explain by
        LPEL, and no image is kept in the cache.
    image_size
        Of the images that the decoder reconstructs: a side, (H, W), or (H, W, C). None for the
        network's own, up to 40 pixels along the longer side.
    split
        Whether whole identities are held out, ``"identity"``, or images of each, ``"image"``; None
        chooses by how many identities there are: see `lpel_tf.data.sides.FEW`. Or the sides that
        the embedder itself was trained with, so that it has seen nothing of what is held out.
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
        Keras model of two inputs, as ONNX, or as a file of either: see
        `lpel_tf.bundles.comparing.compare_by`.
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
        If there are too few images or classes.
    ParameterError
        If the threshold, or the way to split, is none, nothing would explain, the network has no
        such superpixels, or the head is of another network or gives no scores from 0 to 1.
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
    check_decoder(decoder, responses, image_size)
    comparison = opened(comparison)
    check_plans(embedder, responses, surrogate)
    check_head(comparison, embedder.record.dimension)
    engine = Embedder(embedder.model, embedder.record, as_crop(crop))
    crop = crop if isinstance(crop, str) else crop_name(crop)
    target = None if decoder is None else decoder_shape(embedder.record.shape, image_size)
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
    trained = trained_decoder(work, recipe, decoder)
    finished = None if responses is None else trained_responses(work, responses)
    if trained is None and finished is not None:  # the first training says what was left out
        finished = replace(finished, training={**finished.training, **left_out(everyone)})
    exported = None if surrogate is None else trained_surrogate(work, surrogate, finished)
    with one_step(progress, "measuring what is usual of maps"):
        linear = None if trained is None else trained.decoder
        networks, read = explaining(work, linear, finished, exported)
        usual = usual_on_sides(
            sides, networks, fitted.threshold.value, recipe.seed, crop, read, subject
        )
    measuring = "" if trained is None else "measuring the decoder, "
    with one_step(progress, f"{measuring}exporting and checking"):
        made = None if trained is None else finish_decoder(trained, sides, everyone)
        return assemble(
            embedder,
            made,
            out,
            crop=crop,
            threshold=fitted.threshold,
            confidence=fitted.confidence,
            examples=sides.test.embeddings[:100],
            responses=finished,
            surrogate=exported,
            compared=compared,
            plausibility=plausibility,
            usual=usual,
            subject=subject,
        )
