"""Finds the images of a folder by content, and lists what is skipped."""

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lpel_serving.images.datasets.passed_over import PassedOver
from lpel_serving.images.reading import is_image
from lpel_serving.support.errors import UnreadableImageError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".pgm"})
"""Suffixes of image files. Such a file is listed as an image without reading it, and reported as
unusable if it is none."""


@dataclass(frozen=True)
class ImageFolder:
    """The content of a folder and of the folders within it.

    Attributes
    ----------
    images
        Paths that begin with the folder, in order of path.
    passed_over
        All else, which is skipped: hidden files and folders (one entry each), and what is no image.
    """

    images: tuple[Path, ...]
    passed_over: tuple[PassedOver, ...]


def find_images(folder: Path) -> ImageFolder:
    """Find the images of a folder, at any depth; links to folders are followed.

    Raises
    ------
    OSError
        If the folder cannot be read; an unreadable one within it is skipped.
    """
    images: list[Path] = []
    passed: list[PassedOver] = []
    for found in _walk(os.fspath(folder), ()):
        if isinstance(found, PassedOver):
            passed.append(found)
        else:
            images.append(Path(found))
    return ImageFolder(tuple(sorted(images)), tuple(passed))


def plain_name(text: str) -> str:
    """Normalise a name for comparison (NFC): some file systems decompose accents."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _walk(folder: str, above: tuple[str, ...]) -> Iterator[str | PassedOver]:
    """Yield the images within a folder, and what is none; `above` are the folders on the way."""
    here = (*above, os.path.realpath(folder))
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        if entry.name.startswith("."):
            yield PassedOver(entry.path, "hidden")
        elif not entry.is_dir():
            yield _image(entry)
        elif entry.is_symlink() and _leads_back(entry.path, here):
            yield PassedOver(entry.path, "circular")
        else:
            yield from _within(entry.path, here)


def _leads_back(link: str, above: tuple[str, ...]) -> bool:
    """Whether a link to a folder leads to one of its own parents."""
    to = os.path.realpath(link)
    return any(folder == to or folder.startswith(os.path.join(to, "")) for folder in above)  # noqa: PTH118


def _within(folder: str, above: tuple[str, ...]) -> Iterator[str | PassedOver]:
    try:
        yield from _walk(folder, above)
    except OSError as error:
        message = f"{folder} cannot be read: {error.strerror or error}."
        yield PassedOver(folder, "unreadable", message)


def _image(entry: "os.DirEntry[str]") -> str | PassedOver:
    """Its path if it is an image, or named as one."""
    is_file = entry.is_file()
    if os.path.splitext(entry.name)[1].lower() in SUFFIXES and (is_file or entry.is_symlink()):  # noqa: PTH122 (a path for each of millions of files takes long)
        return entry.path
    if not is_file:  # such as a pipe, which would be read for ever
        return PassedOver(entry.path, "not_an_image")
    try:
        return entry.path if is_image(Path(entry.path)) else PassedOver(entry.path, "not_an_image")
    except UnreadableImageError as error:
        return PassedOver(entry.path, "unreadable", str(error))
