"""The catalogue of a job's distinct images, numbered as they are met, in a database on disk."""

import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType

from lpel_serving.batch.input.rows import Image, legible
from lpel_serving.engine.store.keys import content_digest, face_key
from lpel_serving.images.reading import read_bytes
from lpel_serving.support.errors import ImageError

Numbering = Callable[[bytes, Path | bytes], int]
"""Gives a number to a new key, and records where its image is; for the largest
face the key is the image's digest: see `face_key`."""

Entry = tuple[int, bytes]
"""An image's number, and the SHA-256 of its file."""

_CACHE_KIB = 64 * 2**10


class Catalogue:
    """Identifies distinct images by the SHA-256 of their files; each file is read once.

    Different faces of one photograph count as different images.

    Its memory does not grow with the number of images: it is a database on disk, made anew for each
    plan.
    """

    def __init__(self, path: Path, number: Numbering) -> None:
        path.unlink(missing_ok=True)
        self._number = number
        self._base = sqlite3.connect(path, isolation_level=None)
        for line in (
            "PRAGMA journal_mode = OFF",  # scratch: a plan that is cut short is made anew
            "PRAGMA synchronous = OFF",
            f"PRAGMA cache_size = -{_CACHE_KIB}",
            "CREATE TABLE images (key BLOB PRIMARY KEY, number INTEGER) WITHOUT ROWID",
            "CREATE TABLE files (path BLOB PRIMARY KEY, digest BLOB, error TEXT)",
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

    def entries(
        self, images: Sequence[Image], faces: Sequence[int | None] | None = None
    ) -> list[Entry | str]:
        """Look up each image and face: its entry, or why its file cannot be read."""
        met: dict[tuple[Path, int], Entry | str] = {}  # most lists name a file again soon
        wanted = [0] * len(images) if faces is None else [face or 0 for face in faces]
        both = zip(images, wanted, strict=True)
        return [self._entry(image, face, met) for image, face in both]

    def numbers(self, contents: Iterable[bytes]) -> list[int]:
        """Number contents; equal ones have one number."""
        return [self._of_bytes(content, content)[0] for content in contents]

    def _entry(
        self, image: Image, face: int, met: dict[tuple[Path, int], Entry | str]
    ) -> Entry | str:
        if image is None:
            return "there is no image in this row."
        if isinstance(image, bytes):
            return self._of_bytes(image, image, face)
        if (image, face) not in met:
            met[image, face] = self._of_file(image, face)
        return met[image, face]

    def _of_file(self, path: Path, face: int) -> Entry | str:
        key = os.fsencode(path)
        query = "SELECT digest, error FROM files WHERE path = ?"
        if (row := self._base.execute(query, (key,)).fetchone()) is not None:
            return row[1] or self._of_digest(row[0], path, face)
        try:
            entry = self._of_bytes(read_bytes(path), path, face)
        except ImageError as error:
            message = legible(str(error))
            self._base.execute("INSERT INTO files VALUES (?, NULL, ?)", (key, message))
            return message
        self._base.execute("INSERT INTO files VALUES (?, ?, NULL)", (key, entry[1]))
        return entry

    def _of_bytes(self, data: bytes, source: Path | bytes, face: int = 0) -> Entry:
        return self._of_digest(content_digest(data), source, face)

    def _of_digest(self, digest: bytes, source: Path | bytes, face: int) -> Entry:
        key = face_key(digest, face)
        query = "SELECT number FROM images WHERE key = ?"
        if (row := self._base.execute(query, (key,)).fetchone()) is not None:
            return row[0], digest
        number = self._number(key, source)
        self._base.execute("INSERT INTO images VALUES (?, ?)", (key, number))
        return number, digest
