"""What EMSNN knows of classes: their prototypes, and an autoencoder trained on their images."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpel_serving import Explainer
from lpel_serving.bundle.manifest import DECODER_FILE, EMBEDDER_FILE
from lpel_serving.bundle.origin import crop_name
from lpel_serving.images.datasets.labelled import Labelled
from lpel_serving.images.datasets.passed_over import Unusable
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.partial import Partial
from lpel_serving.support.progress import Progress, silent
from lpel_tf.bundles.store_names import fingerprint, store_key
from lpel_tf.data.dataset import FaceSet, embed_faces
from lpel_tf.data.split import Split, split_faces
from lpel_tf.decoders.decoder import mean_squared_error
from lpel_tf.decoders.least_squares import LinearDecoder
from lpel_tf.research.emsnn.autoencoder import (
    Autoencoder,
    AutoencoderLoss,
    AutoencoderRecipe,
    LinearEncoder,
    losses,
    match_reconstruction,
)
from lpel_tf.research.emsnn.prototypes import MIN_OTHERS, large_classes, prototypes
from lpel_tf.research.harness.decoders import TrainedDecoder, through_onnx
from lpel_tf.support.cache import cache_folder
from lpel_tf.support.errors import TrainingDataError

STEPS = 5
"""Trainings in the search for an autoencoder that draws as well as the bundle's decoder."""


@dataclass(frozen=True, eq=False)
class Classes:
    """Classes of images, each with at least six.

    Attributes
    ----------
    names
        Of the classes.
    prototypes
        Mean embedding of each (Eq. 3.2), float32, shape (C, D).
    images
        How many they are means of.
    without_face
        Images that were left out, since the crop found no face in them.
    small
        Classes that were left out, since they have fewer images.
    autoencoder
        EMSNN's (Eq. 3.1).
    decoder
        Its decoder, exported and run by the engine.
    loss
        How well it draws images that it was not trained on.
    decoder_loss
        How well the bundle's decoder draws the same.
    """

    names: tuple[str, ...]
    prototypes: NDArray[np.float32]
    images: int
    without_face: int
    small: int
    autoencoder: Autoencoder
    decoder: TrainedDecoder
    loss: AutoencoderLoss
    decoder_loss: float


def learn_classes(
    explainer: Explainer,
    images: Sequence[Labelled],
    recipe: AutoencoderRecipe,
    *,
    checkpoint: Path | None = None,
    cache: Path | None = None,
    unusable: Unusable | None = None,
    progress: Progress = silent,
) -> Classes:
    """Embed images, average their classes, and train the autoencoder.

    As in section 5.5.1 of the thesis, the autoencoder's mu is searched so that it reconstructs
    about as well as the decoder that LPEL uses, the bundle's.

    Parameters
    ----------
    explainer
        The network, with a decoder.
    images
        With their classes.
    recipe
        Of the autoencoder's trainings, but for its mu, which is searched.
    checkpoint
        File that keeps the trained autoencoder: what was trained on the same is not trained again.
    cache
        Root of the cache, where embeddings are kept.
    unusable
        Gathers images that cannot be used; without it the first one is an error.
    progress
        Reports how far it is.

    Raises
    ------
    ParameterError
        If the bundle has no decoder.
    TrainingDataError
        If fewer than two classes have six images, or there are too few to train on.
    """
    split, everyone = _embedded(explainer, images, recipe.seed, cache, unusable, progress)
    classes, several = large_classes(everyone.identities), len(set(everyone.identities))
    if len(classes) < 2:
        raise TrainingDataError(
            f"prototypes of two classes are needed, each of at least {MIN_OTHERS + 1} images; "
            f"received {len(classes)} such among {several} classes: give more images of each."
        )
    features = everyone.embeddings.shape[1]
    if len(split.train) <= features:
        raise TrainingDataError(
            f"the autoencoder is to learn {features} features from more images than that; "
            f"{len(split.train)} of those given are for training: give more."
        )
    shown = split.validation
    wanted = mean_squared_error(explainer.decode(shown.embeddings), shown.targets)
    kept = None
    if checkpoint is not None:
        drawn_by = explainer.manifest.files[DECODER_FILE].sha256
        kept = Partial(checkpoint, _identity(split, drawn_by, recipe))
    autoencoder = _trained(split, wanted, recipe, kept, progress)
    return Classes(
        tuple(classes),
        prototypes(everyone.embeddings, classes),
        sum(map(len, classes.values())),
        len(everyone.without_face),
        several - len(classes),
        autoencoder,
        through_onnx(autoencoder.decoder, split.test.embeddings[:100]),
        losses(autoencoder, shown),
        wanted,
    )


def _embedded(
    explainer: Explainer,
    images: Sequence[Labelled],
    seed: int,
    cache: Path | None,
    unusable: Unusable | None,
    progress: Progress,
) -> tuple[Split, FaceSet]:
    manifest = explainer.manifest
    if manifest.decoder is None:
        raise ParameterError(
            "EMSNN is compared with LPEL, and this bundle has no decoder for it: train one with "
            "`lpel train`."
        )
    target = manifest.decoder.shape
    crop = crop_name(explainer.embedder.crop)
    crop += fingerprint(explainer.embedder.crop, explainer.embedder.record.shape)
    key = store_key(manifest.files[EMBEDDER_FILE], crop, target)
    everyone = embed_faces(
        explainer.embedder,
        images,
        target,
        cache_folder("embeddings", root=cache) / f"{key}.sqlite",
        kind=manifest.comparison.kind,
        unusable=unusable,
        progress=progress,
    )
    return split_faces(everyone, np.random.default_rng(seed)), everyone


def _trained(
    split: Split,
    wanted: float,
    recipe: AutoencoderRecipe,
    kept: Partial | None,
    progress: Progress,
) -> Autoencoder:
    """Take what an earlier run trained on the same, or train and keep it."""
    found = None if kept is None else kept.load()
    if found is not None:
        encoder = LinearEncoder(found["encoder_kernel"], found["encoder_bias"])
        shape = split.train.target_shape
        decoder = LinearDecoder(found["decoder_kernel"], found["decoder_bias"], shape)
        used = AutoencoderRecipe(**json.loads(found["recipe"].item()))
        return Autoencoder(encoder, decoder, used, tuple(found["history"].tolist()))
    trained = match_reconstruction(
        split.train, split.validation, wanted, recipe, steps=STEPS, progress=progress
    )
    if kept is not None:
        kept.save(
            {
                "encoder_kernel": trained.encoder.kernel,
                "encoder_bias": trained.encoder.bias,
                "decoder_kernel": trained.decoder.kernel,
                "decoder_bias": trained.decoder.bias,
                "history": np.array(trained.history),
                "recipe": np.array(json.dumps(asdict(trained.recipe))),
            }
        )
    return trained


def _identity(split: Split, decoder: str, recipe: AutoencoderRecipe) -> str:
    digest = hashlib.sha256()
    for part in (split.train, split.validation):
        digest.update(np.ascontiguousarray(part.embeddings).data)
        digest.update(np.ascontiguousarray(part.targets).data)
    return json.dumps([version("lpel-tf"), digest.hexdigest(), decoder, STEPS, asdict(recipe)])
