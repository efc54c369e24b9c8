"""Photographs of people, cut out and embedded, with some of the people held out for the test."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lpel_serving.engine.embedder import Embedder
from lpel_serving.images.datasets.labelled import Labelled
from lpel_serving.images.datasets.passed_over import Unusable
from lpel_serving.support.progress import Progress
from lpel_tf.bundles.comparing import BY_THEIR_COSINE, CompareBy, Compared, compare_by, kind_of
from lpel_tf.bundles.store_names import store_key
from lpel_tf.data.dataset import FaceSet, embed_faces
from lpel_tf.data.sides import SplitBy
from lpel_tf.data.split import Split, split_faces
from lpel_tf.decoders.decoder import decoder_shape
from lpel_tf.networks.exported import ExportedEmbedder
from lpel_tf.support.cache import cache_folder


@dataclass(frozen=True, eq=False)
class People:
    """Faces cut out in one way.

    Attributes
    ----------
    crop
        The way: see `lpel_serving.images.crops.parse_crop`.
    embedder
        The network, with that crop.
    everyone
        All faces.
    split
        The same by people, or by image where there are few, for training, validation and test.
    test_photographs
        The photographs of ``split.test``, in its order.
    compared
        How the network compares, with the spread of those trained on.
    """

    crop: str
    embedder: Embedder
    everyone: FaceSet
    split: Split
    test_photographs: tuple[Labelled, ...]
    compared: Compared = BY_THEIR_COSINE


def embed_people(
    embedder: Embedder,
    exported: ExportedEmbedder,
    photographs: tuple[Labelled, ...],
    crop: str,
    *,
    seed: int,
    by: SplitBy | None = None,
    comparison: CompareBy = "cosine",
    cache: Path | None = None,
    unusable: Unusable | None = None,
    progress: Progress,
) -> People:
    """Embed photographs, those that are not kept from an earlier run, and split them.

    Parameters
    ----------
    embedder
        The network, with the crop.
    exported
        The same network as it was exported: it names the store of embeddings.
    photographs
        All of them.
    crop
        How faces are cut out.
    seed
        Of the split.
    by
        How to split; None chooses.
    comparison
        How the network compares: see `lpel_tf.bundles.comparing.compare_by`.
    cache
        Root of the cache, where embeddings are kept.
    unusable
        Gathers photographs that cannot be used; without it the first one is an error.
    progress
        Reports how far it is.
    """
    target = decoder_shape(exported.record.shape)
    store = cache_folder("embeddings", root=cache) / f"{store_key(exported, crop, target)}.sqlite"
    kind = kind_of(comparison)
    everyone = embed_faces(
        embedder, photographs, target, store, kind=kind, unusable=unusable, progress=progress
    )
    split = split_faces(everyone, np.random.default_rng(seed), by)
    tested = set(split.test.photographs)
    test = tuple(face for face in photographs if face in tested)
    compared = compare_by(comparison, split.train.embeddings)
    return People(crop, embedder, everyone, split, test, compared)
