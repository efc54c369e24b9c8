"""The distinct images of a job, numbered as they are met, on the disk."""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

from lpel_serving.batch.listed import Image, legible
from lpel_serving.errors import ImageError
from lpel_serving.images import read_bytes

Numbering = Callable[[bytes, Path | bytes], int]
"""Gives a number to a digest that was not met before, and keeps where its image is."""

Entry = tuple[int, bytes]
"""An image's number, and the SHA-256 of its file."""

_CACHE_KIB = 64 * 2**10


class Catalogue:
    """Tells images apart by the SHA-256 of their files; each file is read once.

    Its memory does not grow with the number of images: it is a database on the disk, made anew for
    each plan.
    """

    def __init__(self, path: Path, number: Numbering) -> None:
        path.unlink(missing_ok=True)
        self._number = number
        self._base = sqlite3.connect(path, isolation_level=None)
        for line in (
            "PRAGMA journal_mode = OFF",  # scratch: a plan that is cut short is made anew
            "PRAGMA synchronous = OFF",
            f"PRAGMA cache_size = -{_CACHE_KIB}",
            "CREATE TABLE images (digest BLOB PRIMARY KEY, number INTEGER) WITHOUT ROWID",
            "CREATE TABLE files (path BLOB PRIMARY KEY, number INTEGER, digest BLOB, error TEXT)",
            "BEGIN",
        ):
            self._base.execute(line)

    def __enter__(self) -> "Catalogue":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._base.close()

    def entries(self, images: Iterable[Image]) -> list[Entry | str]:
        """Tell of each image its entry, or why its file cannot be read."""
        met: dict[Path, Entry | str] = {}  # most lists name a file again soon
        return [self._entry(image, met) for image in images]

    def numbers(self, contents: Iterable[bytes]) -> list[int]:
        """Number contents; equal ones have one number."""
        return [self._of_bytes(content, content)[0] for content in contents]

    def _entry(self, image: Image, met: dict[Path, Entry | str]) -> Entry | str:
        if image is None:
            return "there is no image in this row."
        if isinstance(image, bytes):
            return self._of_bytes(image, image)
        if image not in met:
            met[image] = self._of_file(image)
        return met[image]

    def _of_file(self, path: Path) -> Entry | str:
        key = os.fsencode(path)
        query = "SELECT number, digest, error FROM files WHERE path = ?"
        if (row := self._base.execute(query, (key,)).fetchone()) is not None:
            return row[2] or (row[0], row[1])
        try:
            number, digest = self._of_bytes(read_bytes(path), path)
        except ImageError as error:
            message = legible(str(error))
            self._base.execute("INSERT INTO files VALUES (?, NULL, NULL, ?)", (key, message))
            return message
        self._base.execute("INSERT INTO files VALUES (?, ?, ?, NULL)", (key, number, digest))
        return number, digest

    def _of_bytes(self, data: bytes, source: Path | bytes) -> Entry:
        digest = hashlib.sha256(data).digest()
        query = "SELECT number FROM images WHERE digest = ?"
        if (row := self._base.execute(query, (digest,)).fetchone()) is not None:
            return row[0], digest
        number = self._number(digest, source)
        self._base.execute("INSERT INTO images VALUES (?, ?)", (digest, number))
        return number, digest
