"""The cache of downloads, exports and embeddings between runs."""

import hashlib
from pathlib import Path

from lpel_serving.support.extras import require
from lpel_tf.support.errors import CacheError


def cache_folder(*parts: str, root: Path | None = None) -> Path:
    """Make and return a folder of the cache.

    Parameters
    ----------
    parts
        Folders below the root.
    root
        The root of the cache; the platform's own place for caches when None.

    Raises
    ------
    CacheError
        If the folder cannot be made, or there is no place for caches.
    """
    base = root or _usual_place()
    folder = base.joinpath(*parts)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CacheError(
            f"the cache folder {folder} cannot be made ({error.strerror or error}): "
            "name another one with --cache."
        ) from error
    return folder


def _usual_place() -> Path:
    reason: RuntimeError | None = None
    try:
        place = Path(require("platformdirs", "train").user_cache_dir("lpel"))
        if place.is_absolute():  # older versions of platformdirs give one below "~"
            return place
    except RuntimeError as error:
        reason = error
    raise CacheError(
        "there is no home folder to keep the cache in, for HOME names none and the system does not "
        "know this user: name a folder for it with --cache."
    ) from reason


def file_sha256(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
