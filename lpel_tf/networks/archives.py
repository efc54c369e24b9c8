"""What all fetching of archives shares: named members, each checked by its own hash; the cache."""

import hashlib
import os
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from lpel_serving.support.errors import LpelError, OutputError
from lpel_serving.support.files import write_atomically
from lpel_serving.support.home import home, temporary_home
from lpel_tf.support.errors import CacheError, WeightsAlteredError

MEGABYTE = 2**20


def take_members(archive: Path, root: str, members: Mapping[str, str], folder: Path) -> list[Path]:
    """Take members out of a tar archive into a folder, and nothing else.

    Parameters
    ----------
    archive
        Its file, whose own hash was verified.
    root
        The folder in it that all lies in, with a slash at its end.
    members
        Their paths below that, each with the SHA-256 that it must have.
    folder
        Where they go, under their file names.

    Raises
    ------
    WeightsAlteredError
        If one is missing, no plain file, or of another hash.
    CacheError
        If the folder cannot be written.
    """
    try:
        with tarfile.open(archive) as tar:
            return [
                _take(tar, archive.name, root, member, digest, folder)
                for member, digest in members.items()
            ]
    except OutputError as error:
        raise as_cache_error(folder, error) from error
    except (KeyError, EOFError, OSError, tarfile.TarError, zlib.error) as error:
        raise WeightsAlteredError(
            f"{archive.name} does not hold what it should: delete {archive} and try again."
        ) from error


def _take(
    tar: tarfile.TarFile, name: str, root: str, member: str, digest: str, folder: Path
) -> Path:
    file = tar.extractfile(root + member)
    if file is None:
        raise WeightsAlteredError(f"{member} in {name} is no plain file.")
    data = file.read()
    if hashlib.sha256(data).hexdigest() != digest:
        raise WeightsAlteredError(f"{member} in {name} differs from its pinned SHA-256.")
    path = folder / Path(member).name
    write_atomically(path, data)
    return path


def as_cache_error(path: Path, error: OSError) -> OSError:
    """Name the cache where it cannot be written; our own errors, some of them OSErrors, stay."""
    if isinstance(error, LpelError) and not isinstance(error, OutputError):
        return error
    return CacheError(
        f"cannot write {path} ({error.strerror or error}): free some space, or name another cache "
        "with --cache."
    )


def environment() -> dict[str, str]:
    """Ours, with a home for pip and npm, which do not run without one."""
    return dict(os.environ) if home() is not None else os.environ | {"HOME": temporary_home()}
