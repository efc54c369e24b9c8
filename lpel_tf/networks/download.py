"""Downloads weights from keras-facenet's address or a mirror: the thesis's and two others."""

import shutil
from pathlib import Path
from typing import Any

from lpel_serving.support.extras import require
from lpel_serving.support.progress import Advance, Progress
from lpel_tf.support.cache import file_sha256
from lpel_tf.support.errors import CacheError, WeightsAlteredError, WeightsUnreachableError

_MEGABYTE = 2**20
_TIMEOUT_SECONDS = 30
_USUAL_MEGABYTES = 90
_CHUNK_BYTES = 2**16
_BYTES_NEEDED = 120 * _MEGABYTE


def download(key: str, folder: Path, *, mirror: str | None, progress: Progress) -> Path:
    """Download a FaceNet's weights from where keras-facenet says they are.

    Parameters
    ----------
    key
        A key of keras-facenet's metadata, which names the address and the SHA-256.
    folder
        Where the file goes.
    mirror
        Address of another folder that holds the file, under the same name.
    progress
        Reports how far the download is, in megabytes.

    Raises
    ------
    WeightsUnreachableError, WeightsAlteredError, CacheError
        See `lpel_tf.networks.weights.fetch`.
    """
    known = require("keras_facenet.metadata", "train").MODEL_METADATA[key]
    name, sha256 = known["keras_weights_filename"], known["keras_weights_sha256"]
    address = f"{mirror.rstrip('/')}/{name}" if mirror else known["keras_weights_url"]
    path = folder / name
    if path.is_file() and file_sha256(path) == sha256:
        return path
    if shutil.disk_usage(folder).free < _BYTES_NEEDED:
        raise CacheError(
            f"{folder} has no space left for FaceNet's weights, which need 120 MB: free some, or "
            "name another cache with --cache."
        )
    _retrieve(address, path, sha256, progress)
    return path


def _retrieve(address: str, path: Path, sha256: str, progress: Progress) -> None:
    pooch, requests = require("pooch", "train"), require("requests", "train")
    pooch.get_logger().setLevel("ERROR")
    with progress("fetching FaceNet's weights (MB)", _USUAL_MEGABYTES) as advance:
        downloader = pooch.HTTPDownloader(
            progressbar=_PoochProgress(advance),
            chunk_size=_CHUNK_BYTES,
            timeout=_TIMEOUT_SECONDS,
        )
        try:
            # pooch writes under a temporary name and moves the file once its hash is right.
            pooch.retrieve(
                address, sha256, fname=path.name, path=path.parent, downloader=downloader
            )
        except requests.exceptions.RequestException as error:
            raise WeightsUnreachableError(
                f"{address} cannot be downloaded ({type(error).__name__}): check the connection, "
                "try again, or name a folder that holds the file with --mirror. The default key "
                "needs only a package index."
            ) from error
        except ValueError as error:
            raise WeightsAlteredError(
                f"{address} is incomplete or was altered: it differs from the SHA-256 that "
                "keras-facenet pins. Try again; if it stays so, do not use that source."
            ) from error
        except OSError as error:
            raise CacheError(
                f"cannot write {path} ({error.strerror or error}): free some space, or name "
                "another cache with --cache."
            ) from error


class _PoochProgress:
    """A progress bar for pooch: receives bytes, reports megabytes."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance
        self._bytes = 0
        self._counting = True
        self.total: Any = 0

    def update(self, more: int) -> None:
        """Count bytes that have arrived."""
        if not self._counting:
            return
        before = self._bytes // _MEGABYTE
        self._bytes += more
        self._advance(self._bytes // _MEGABYTE - before)

    def reset(self) -> None:
        """Stop counting: pooch resets its bar at the end, to fill it once more."""
        self._counting = False

    def close(self) -> None:
        """Nothing is held open."""
