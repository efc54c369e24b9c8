"""Makes a bundle from images: embeds, trains, exports, fits the decision, writes."""

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from lpel_serving.bundle.manifest import Manifest
from lpel_serving.engine.embedder import Embedder
from lpel_serving.images.crops import parse_crop
from lpel_serving.images.datasets.labelled import Data, Labelled, as_labelled
from lpel_serving.images.datasets.pairs import Pair
from lpel_serving.images.datasets.passed_over import Unusable
from lpel_serving.support.progress import Progress, one_step, silent
from lpel_tf.bundles.assembly import assemble
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
from lpel_tf.decoders.decoder import IMAGE_SIZE
from lpel_tf.decoders.training import Recipe
from lpel_tf.networks.embedders import ExportedEmbedder
from lpel_tf.support.cache import cache_folder


def train_bundle(
    embedder: ExportedEmbedder,
    data: Data,
    out: Path | str,
    *,
    crop: str,
    recipe: Recipe,
    closed_form: bool = False,
    image_size: int = IMAGE_SIZE,
    split: SplitBy | None = None,
    threshold: float | None = None,
    cache: Path | None = None,
    pairs: tuple[Pair, ...] = (),
    responses: ResponsePlan | None = None,
    surrogate: SurrogatePlan | None = None,
    checkpoint: Path | None = None,
    unusable: Unusable | None = None,
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
        How photographs become face crops: see `lpel_serving.images.crops.parse_crop`.
    recipe
        How the decoder is trained.
    closed_form
        Solve for the decoder instead of training it.
    image_size
        Side of the images that the decoder reconstructs.
    split
        Whether whole identities are held out, ``"identity"``, or images of each, ``"image"``; None
        chooses by how many identities there are: see `lpel_tf.data.split.FEW`.
    threshold
        One of your own; None chooses the most accurate one.
    cache
        Root of the cache, where the embeddings are kept.
    pairs
        Pairs to choose the threshold and to fit the confidence on; drawn from what is held out
        when there are none.
    responses
        How to train a response decoder too; None for none.
    surrogate
        How to train a surrogate too; None for none.
    checkpoint
        File that lets an interrupted training go on; those of the response decoder and of the
        surrogate lie beside it.
    unusable
        Gathers photographs that cannot be used, which are left out.
    progress
        Reports how far it is.

    Raises
    ------
    TrainingDataError
        If there are too few images or classes.
    ParameterError
        If the threshold, or the way to split, is none.
    ImageError
        If a photograph cannot be used and there is no `unusable` to gather it; it is named.
    PhotographsError
        If too many cannot be used.
    ParityError
        If an exported network differs from the trained one.
    OutputError, CacheError
        If files cannot be written.
    """
    own = None if threshold is None else own_threshold(threshold)
    name = f"{store_key(embedder, crop, image_size)}.sqlite"
    store = cache_folder("embeddings", root=cache) / name
    engine = Embedder(embedder.model, embedder.record, parse_crop(crop))

    def embed(some: Sequence[Labelled]) -> FaceSet:
        return embed_faces(engine, some, image_size, store, unusable=unusable, progress=progress)

    everyone = embed(as_labelled(data))
    sides = split_faces(everyone, np.random.default_rng(recipe.seed), split)
    work = Work(embedder, crop, engine, everyone.photographs, sides, store, checkpoint, progress)
    trained = trained_decoder(work, recipe, closed_form=closed_form)
    finished = None if responses is None else trained_responses(work, responses)
    exported = None if surrogate is None else trained_surrogate(work, surrogate, finished)
    with one_step(progress, "fitting threshold, confidence and plausibility"):
        fitted = (
            fit_on_pairs(pairs, embed, own)
            if pairs
            else fit_on_split(sides, np.random.default_rng(recipe.seed), own)
        )
        plausibility = fit_on_sides(sides)
    with one_step(progress, "measuring what is usual of maps"):
        networks, read = explaining(work, trained.decoder, finished, exported)
        usual = usual_on_sides(sides, networks, fitted.threshold.value, recipe.seed, crop, read)
    with one_step(progress, "measuring the decoder, exporting and checking"):
        return assemble(
            embedder,
            trained.decoder,
            Path(out),
            crop=crop,
            threshold=fitted.threshold,
            confidence=fitted.confidence,
            training=describe(trained, sides, closed_form=closed_form) | left_out(everyone),
            examples=sides.test.embeddings[:100],
            responses=finished,
            surrogate=exported,
            plausibility=plausibility,
            usual=usual,
        )


def store_key(embedder: ExportedEmbedder, crop: str, image_size: int = IMAGE_SIZE) -> str:
    """Name the store of embeddings that belongs to a network with a crop, and of its targets."""
    made_of = f"{embedder.sha256}|{crop}|{image_size}|{version('pillow')}|{version('lpel-tf')}"
    return hashlib.sha256(made_of.encode()).hexdigest()[:32]
