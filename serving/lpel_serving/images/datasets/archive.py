"""Images and their labels in one NumPy archive (``.npz``), as Keras keeps its data sets."""

import math
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from lpel_serving.images.datasets.labelled import LabelledImage, from_arrays
from lpel_serving.support.errors import ArchiveError, ImageError, ParameterError

MOST_BYTES = 2 * 2**30
"""What an archive may take in memory: 70,000 images of 64 by 64 in RGB take 0.8 GiB."""

_NAMES = (("images", "labels"), ("x_train", "y_train"))
_TEST = ("x_test", "y_test")
_WANTED = "expected the arrays images and labels, or x_train and y_train, perhaps x_test and y_test"
_VERSION = (1, 0)
"""Of an array's header, at most 64 KiB long; NumPy writes no other for plain arrays."""
_MOST_SAID = 80
"""Characters of what a header or NumPy says, which may be thousands of an archive's own."""


@dataclass(frozen=True)
class _Declared:
    """What an array's header says, before anything of the array is expanded."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def read_archive(path: Path) -> tuple[LabelledImage, ...]:
    """Read images and their labels from an archive; nothing in it is ever unpickled.

    How large its arrays are is read in their headers, before any is expanded.

    Parameters
    ----------
    path
        Of the archive. It holds ``images`` and ``labels``, or ``x_train`` and ``y_train`` as
        Keras' ``mnist.npz`` does, and where there are ``x_test`` and ``y_test`` those after them;
        each two as `lpel_serving.images.datasets.labelled.from_arrays` takes them. Other arrays
        are not looked at.

    Raises
    ------
    ArchiveError
        If it is no such archive, or its arrays take more than `MOST_BYTES`.
    """
    found: list[LabelledImage] = []
    with _opened(path) as archive:
        pairs = _wanted(path, archive)
        _check_sizes(path, archive, [name for pair in pairs for name in pair])
        for images, labels in pairs:
            pixels, classes = _array(path, archive, images), _array(path, archive, labels)
            with _mended(path, labels):
                try:
                    found += from_arrays(pixels, classes, f"{images} in {path}")
                except (ImageError, ParameterError) as error:
                    raise ArchiveError(f"{path}, {images} and {labels}: {error}") from error
    return tuple(found)


@contextmanager
def _opened(path: Path) -> Generator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise ArchiveError(f"there is no file {path}: {_WANTED}.") from error
    except Exception as error:  # a damaged archive may fail in any way
        raise ArchiveError(
            f"{path} is no folder of photographs, and no NumPy archive (.npz): {_WANTED}, as "
            "numpy.savez writes them."
        ) from error
    with archive:
        yield archive


def _wanted(path: Path, archive: zipfile.ZipFile) -> list[tuple[str, str]]:
    """Choose which arrays hold images and labels: two that are both there before one alone."""
    there = [name[:-4] for name in archive.namelist() if name.endswith(".npy")]
    chosen = max(_NAMES, key=lambda names: (set(names) <= set(there), names[0] in there))
    pairs = [chosen]
    if chosen != _NAMES[0] and any(name in there for name in _TEST):
        pairs.append(_TEST)
    missing = [name for pair in pairs for name in pair if name not in there]
    if missing:
        shown = ", ".join(there[:8]) or "none"
        raise ArchiveError(
            f"{path} lacks {' and '.join(missing)}: {_WANTED}; there are {shown[:200]!a}."
        )
    return pairs


def _check_sizes(path: Path, archive: zipfile.ZipFile, names: list[str]) -> None:
    """Refuse arrays of objects, and more than fits, by their headers alone."""
    declared = {name: _declared(path, archive, name) for name in names}
    total = sum(one.bytes for one in declared.values())
    if total > MOST_BYTES:
        sizes = ", ".join(
            f"{name} {one.dtype} {one.shape}"[:_MOST_SAID] for name, one in declared.items()
        )
        raise ArchiveError(
            f"the arrays of {path} would take {total:,} bytes ({sizes}); at most {MOST_BYTES:,} "
            "are read: keep fewer or smaller images, as uint8."
        )


def _declared(path: Path, archive: zipfile.ZipFile, name: str) -> _Declared:
    info = archive.getinfo(f"{name}.npy")
    with _mended(path, name), archive.open(info) as file:
        version = npy.read_magic(file)
        if version != _VERSION:
            raise ValueError(f"a header of version {version}")
        shape, _, dtype = npy.read_array_header_1_0(file)
        declared = _Declared(shape, dtype)
        if dtype.hasobject or dtype.names is not None:
            raise ArchiveError(
                f"{path}: {name} holds {str(dtype)[:_MOST_SAID]}, which is not read: keep images "
                "as uint8, and labels as whole numbers or text, such as `labels.astype(str)`."
            )
        if min(shape, default=0) < 0 or file.tell() + declared.bytes != info.file_size:
            raise ValueError("its header and its size disagree")
    return declared


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with _mended(path, name), archive.open(f"{name}.npy") as file:
        array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
        file.read(1)  # at its end the checksum is compared
    return array


@contextmanager
def _mended(path: Path, name: str) -> Generator[None]:
    """Raise whatever reading an array raises as one error that names it."""
    try:
        yield
    except ArchiveError:
        raise
    except Exception as error:  # a damaged or hostile header may fail in any way
        raise ArchiveError(
            f"{path}: the array {name} is damaged or of another kind and cannot be read "
            f"({_reason(error)}): write the archive again, with numpy.savez."
        ) from error


def _reason(error: Exception) -> str:
    """The beginning of what was raised, without NumPy's advice to trust the file."""
    said = next((one for one in error.args if isinstance(one, str)), "")
    first = said.partition("\n")[0].partition("allow_pickle")[0]
    shown = "".join(letter if letter.isprintable() else " " for letter in first[:_MOST_SAID])
    return shown.strip() or type(error).__name__
